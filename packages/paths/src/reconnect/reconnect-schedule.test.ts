import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom } from '../test-support/random.js';
import { HELD_MS, ReconnectSchedule, type ReconnectAttempt, type ReconnectPolicy } from './reconnect-schedule.js';

const POLICY: ReconnectPolicy = { firstWaitMs: 100, maxWaitMs: 1000, maxTries: 5, maxAttemptMs: 3000 };
const HASTY: ReconnectPolicy = { firstWaitMs: 50, maxWaitMs: 200, maxTries: 1_000_000, maxAttemptMs: 2000 };
const ADDRESSES = ['a.example:1', 'b.example:2', 'c.example:3'];
const half = (): number => 0.5;

function scheduleOf(policy = POLICY, random = half): ReconnectSchedule {
  return new ReconnectSchedule(ADDRESSES, policy, random);
}

/** Lets every attempt fail at once until the path is given up; returns the waits, and the attempts. */
function failAll(schedule: ReconnectSchedule, startMs: number): { waits: number[]; attempts: ReconnectAttempt[] } {
  const waits: number[] = [];
  const attempts: ReconnectAttempt[] = [];
  let now = startMs;
  for (let due = schedule.dueAtMs; due !== undefined; due = schedule.dueAtMs) {
    waits.push(due - now);
    now = due;
    attempts.push(schedule.begin(20));
    schedule.lost(now);
  }
  return { waits, attempts };
}

describe('ReconnectSchedule', () => {
  test('a server that says when to come back is left alone until then, however short the wait would be', () => {
    const schedule = scheduleOf();
    schedule.begin(20);
    schedule.lost(0, 5000);
    expect(schedule.dueAtMs).toBe(5000);
    schedule.begin(20);
    schedule.lost(5000);
    expect(schedule.dueAtMs).toBeLessThan(5200);
  });

  test('a server that turns a path away and says when it takes it is asked then, as often as it says so', () => {
    const schedule = scheduleOf();
    for (let now = 0; now < 100_000; now += 1000) {
      schedule.begin(20);
      schedule.comeBack(now, 1000);
      expect([schedule.state, schedule.dueAtMs]).toEqual(['waiting', now + 1000]);
    }
    schedule.abandon();
    schedule.comeBack(0, 1);
    expect(schedule.state).toBe('abandoned');
  });

  test('a lost path is tried after growing waits, at each address in turn, with ever more time, and then given up', () => {
    const schedule = scheduleOf();
    schedule.connected(0);
    schedule.lost(10);
    const { waits, attempts } = failAll(schedule, 10);
    expect(waits).toEqual([50, 100, 200, 400, 500]);
    expect(attempts.map(({ address }) => address[0]).join('')).toBe('bcabc');
    expect(attempts.map(({ timeoutMs }) => timeoutMs)).toEqual([500, 1000, 1500, 2000, 2500]);
    expect(schedule.state).toBe('given-up');
  });

  test('the first attempt waits for nothing and begins with the preferred address', () => {
    const schedule = scheduleOf();
    expect([schedule.state, schedule.dueAtMs]).toEqual(['idle', undefined]);
    expect(schedule.begin(0)).toEqual({ address: 'a.example:1', timeoutMs: 3000 });
  });

  test('a path that held is a new beginning; one that is lost again at once is not, however long its attempts take', () => {
    const schedule = scheduleOf();
    schedule.connected(0);
    schedule.lost(0);
    schedule.begin(20);
    schedule.connected(1000);
    schedule.lost(1000 + HELD_MS - 1);
    expect(schedule.dueAtMs).toBe(1000 + HELD_MS - 1 + 100);
    // It takes longer to connect than a path has to hold.
    schedule.begin(20);
    schedule.lost(1000 + 3 * HELD_MS);
    expect(schedule.dueAtMs).toBe(1000 + 3 * HELD_MS + 200);
    schedule.begin(20);
    schedule.connected(20_000);
    schedule.lost(20_000 + HELD_MS);
    expect(schedule.dueAtMs).toBe(20_000 + HELD_MS + 50);
  });

  test('a given-up path is tried again, all its tries, when there is new hope', () => {
    const schedule = scheduleOf();
    schedule.connected(0);
    schedule.lost(0);
    expect(failAll(schedule, 0).waits).toHaveLength(POLICY.maxTries);
    schedule.restart(10_000);
    expect(failAll(schedule, 10_000).waits).toHaveLength(POLICY.maxTries);
  });

  test('another policy starts anew, and shows in the next wait; the same one changes nothing', () => {
    const schedule = scheduleOf();
    schedule.connected(0);
    schedule.lost(0);
    schedule.begin(20);
    schedule.use(POLICY);
    schedule.lost(0);
    expect(schedule.dueAtMs).toBe(100);
    schedule.use(HASTY);
    expect(schedule.dueAtMs).toBe(100);
    schedule.restart(60);
    expect(schedule.dueAtMs).toBe(60 + 25);
    expect(schedule.begin(0)).toEqual({ address: 'b.example:2', timeoutMs: 2000 });
  });

  test('an attempt that nobody can be asked for costs no try', () => {
    const schedule = scheduleOf();
    schedule.connected(0);
    schedule.lost(0);
    for (let now = 0; now < 10_000; now += 500) {
      schedule.postpone(now, 500);
      expect(schedule.dueAtMs).toBe(now + 500);
    }
    expect(schedule.begin(20).timeoutMs).toBe(500);
  });

  test('a loss that is known already counts once; what is abandoned is never due', () => {
    const schedule = scheduleOf();
    schedule.connected(0);
    schedule.lost(0);
    schedule.lost(1);
    expect(schedule.dueAtMs).toBe(50);
    schedule.abandon();
    schedule.lost(2);
    expect([schedule.state, schedule.dueAtMs]).toEqual(['abandoned', undefined]);
    expect(() => schedule.begin(0)).toThrow(expect.objectContaining({ code: 'ERR_KWIK_INVALID_STATE' }));
    expect(() => schedule.restart(0)).toThrow(expect.objectContaining({ code: 'ERR_KWIK_INVALID_STATE' }));
  });

  test('a path without addresses is refused', () => {
    expect(() => new ReconnectSchedule([], POLICY, half)).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' }),
    );
  });
});

/** Does what a caller may do, and holds each answer against a count of its own: the slow twin of the schedule's. */
class CheckedSchedule {
  readonly #schedule: ReconnectSchedule;
  #policy = POLICY;
  #now = 0;
  #upSinceMs = 0;
  /** Waits since the last new beginning. */
  #tries = 0;

  constructor(seed: number) {
    this.#schedule = scheduleOf(POLICY, seededRandom(seed));
  }

  pass(ms: number): void {
    this.#now += ms;
  }

  attempt(rttMs: number, succeeds: boolean): void {
    if (this.#schedule.state !== 'waiting' && this.#schedule.state !== 'idle') return;
    this.#now = Math.max(this.#now, this.#schedule.dueAtMs ?? 0);
    const { address, timeoutMs } = this.#schedule.begin(rttMs);
    const { maxAttemptMs } = this.#policy;
    expect([address, this.#schedule.dueAtMs]).toEqual([ADDRESSES[this.#tries % ADDRESSES.length], undefined]);
    expect(timeoutMs).toBeLessThanOrEqual(maxAttemptMs);
    expect(timeoutMs).toBeGreaterThanOrEqual(rttMs > 0 ? Math.min(maxAttemptMs, 5 * rttMs) : maxAttemptMs);
    if (succeeds) {
      this.#schedule.connected(this.#now);
      this.#upSinceMs = this.#now;
    } else {
      this.#schedule.lost(this.#now);
      this.#checkWait();
    }
  }

  lose(): void {
    if (this.#schedule.state !== 'connected') return;
    if (this.#now - this.#upSinceMs >= HELD_MS) this.#tries = 0;
    this.#schedule.lost(this.#now);
    this.#checkWait();
  }

  hope(): void {
    if (this.#schedule.state !== 'waiting' && this.#schedule.state !== 'given-up') return;
    this.#schedule.restart(this.#now);
    this.#tries = 0;
    this.#checkWait();
  }

  postpone(): void {
    if (this.#schedule.state !== 'waiting') return;
    this.#schedule.postpone(this.#now, 500);
    expect(this.#schedule.dueAtMs).toBe(this.#now + 500);
  }

  changePolicy(): void {
    this.#policy = this.#policy === POLICY ? HASTY : POLICY;
    this.#schedule.use(this.#policy);
    this.#tries = 0;
  }

  #checkWait(): void {
    const { firstWaitMs, maxWaitMs, maxTries } = this.#policy;
    const { state, dueAtMs } = this.#schedule;
    if (state === 'given-up') {
      expect([this.#tries, dueAtMs]).toEqual([maxTries, undefined]);
      return;
    }
    this.#tries += 1;
    expect(this.#tries).toBeLessThanOrEqual(maxTries);
    expect(dueAtMs).toBeGreaterThanOrEqual(this.#now);
    expect(dueAtMs).toBeLessThanOrEqual(this.#now + Math.min(maxWaitMs, firstWaitMs * 2 ** (this.#tries - 1)));
  }
}

const STEPS: Readonly<Record<string, (schedule: CheckedSchedule, rttMs: number) => void>> = {
  fail: (schedule, rttMs) => schedule.attempt(rttMs, false),
  'fail again': (schedule, rttMs) => schedule.attempt(rttMs, false),
  connect: (schedule, rttMs) => schedule.attempt(rttMs, true),
  lose: (schedule) => schedule.lose(),
  hope: (schedule) => schedule.hope(),
  postpone: (schedule) => schedule.postpone(),
  'other policy': (schedule) => schedule.changePolicy(),
};

test('whatever happens: waits and attempts keep to their bounds, and only what should starts them anew', () => {
  const step = fc.record({
    what: fc.constantFrom(...Object.keys(STEPS)),
    afterMs: fc.integer({ min: 0, max: 2 * HELD_MS }),
    rttMs: fc.constantFrom(0, 0.5, 20, 300, 5000),
  });
  fc.assert(
    fc.property(fc.integer(), fc.array(step, { maxLength: 120 }), (seed, steps) => {
      const schedule = new CheckedSchedule(seed);
      for (const { what, afterMs, rttMs } of steps) {
        schedule.pass(afterMs);
        STEPS[what]!(schedule, rttMs);
      }
    }),
  );
});
