import { describe, expect, test } from '@jest/globals';
import { VirtualClock } from '@kwik/testbed';
import { KwikError, type ErrorCode } from '@kwik/wire';
import { raceAddresses } from './address-race.js';

/** What an address does: comes through or fails after so long; `never` hears only of the abort. */
type Plan = { readonly afterMs: number; readonly fails?: ErrorCode } | 'never';

interface Outcome {
  readonly result: string;
  readonly atMs: number;
}

class World {
  readonly clock = new VirtualClock();
  /** `address@ms`. */
  readonly started: string[] = [];
  readonly abandoned: string[] = [];
  readonly discarded: string[] = [];
  outcome: Outcome | undefined;

  constructor(
    private readonly plans: Readonly<Record<string, Plan>>,
    signal?: AbortSignal,
  ) {
    const told = (result: string) => (this.outcome = { result, atMs: this.clock.now() });
    raceAddresses({
      target: 'host:1',
      addresses: Object.keys(plans),
      clock: this.clock,
      signal,
      nameOf: (address) => address,
      attempt: (address, own) => this.attempt(address, own),
      discard: (value) => void this.discarded.push(value),
    }).then(told, (error: unknown) => {
      const { code, message } = KwikError.from(error);
      told(`${code} ${message}`);
    });
  }

  runTo(ms: number): Promise<void> {
    return this.clock.advanceToAsync(ms);
  }

  private attempt(address: string, signal: AbortSignal | undefined): Promise<string> {
    this.started.push(`${address}@${this.clock.now()}`);
    const plan = this.plans[address] ?? 'never';
    return new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => {
        this.abandoned.push(address);
        reject(new KwikError('ERR_KWIK_ABORTED'));
      });
      if (plan === 'never') return;
      this.clock.schedule(plan.afterMs, () => {
        if (plan.fails === undefined) resolve(address);
        else reject(new KwikError(plan.fails, `${address} says ${plan.fails}`));
      });
    });
  }
}

describe('raceAddresses', () => {
  test('a first address that answers is the only one tried', async () => {
    const world = new World({ a: { afterMs: 200 }, b: { afterMs: 0 } });
    await world.runTo(1000);
    expect(world.started).toEqual(['a@0']);
    expect(world.outcome).toEqual({ result: 'a', atMs: 200 });
    expect(world.clock.pendingTimers).toBe(0);
  });

  test('a silent one is joined by the next after 250 ms each, and given up when another comes through', async () => {
    const world = new World({ a: 'never', b: 'never', c: { afterMs: 30 }, d: { afterMs: 0 } });
    await world.runTo(1000);
    expect(world.started).toEqual(['a@0', 'b@250', 'c@500']);
    expect(world.outcome).toEqual({ result: 'c', atMs: 530 });
    expect(world.abandoned.sort()).toEqual(['a', 'b', 'c']);
  });

  test('a refusal starts the next at once, and the waits begin anew', async () => {
    const world = new World({ a: { afterMs: 20, fails: 'ERR_KWIK_CONNECT_FAILED' }, b: 'never', c: { afterMs: 10 } });
    await world.runTo(1000);
    expect(world.started).toEqual(['a@0', 'b@20', 'c@270']);
    expect(world.outcome).toEqual({ result: 'c', atMs: 280 });
  });

  test('a slow first one still wins when the second is slower', async () => {
    const world = new World({ a: { afterMs: 300 }, b: { afterMs: 300 } });
    await world.runTo(1000);
    expect(world.outcome).toEqual({ result: 'a', atMs: 300 });
    expect(world.abandoned).toContain('b');
  });

  test('when all fail, the error names each with its reason, and has the code that says most', async () => {
    const world = new World({
      a: { afterMs: 900, fails: 'ERR_KWIK_TIMEOUT' },
      b: { afterMs: 10, fails: 'ERR_KWIK_CONNECT_FAILED' },
    });
    await world.runTo(1000);
    expect(world.outcome?.atMs).toBe(900);
    expect(world.outcome?.result).toBe(
      'ERR_KWIK_CONNECT_FAILED none of the 2 addresses of host:1 can be reached. ' +
        'a: a says ERR_KWIK_TIMEOUT; b: b says ERR_KWIK_CONNECT_FAILED',
    );
  });

  test('what another address would not mend ends the race', async () => {
    const world = new World({ a: { afterMs: 0, fails: 'ERR_KWIK_CREDENTIALS' }, b: { afterMs: 0 } });
    await world.runTo(1000);
    expect(world.started).toEqual(['a@0']);
    expect(world.outcome?.result).toBe('ERR_KWIK_CREDENTIALS a says ERR_KWIK_CREDENTIALS');
  });

  test('an address that this machine has no family for is passed over', async () => {
    const world = new World({ a: { afterMs: 0, fails: 'ERR_KWIK_INVALID_ARGUMENT' }, b: { afterMs: 10 } });
    await world.runTo(1000);
    expect(world.outcome).toEqual({ result: 'b', atMs: 10 });
  });

  test('an abort gives up all of it', async () => {
    const controller = new AbortController();
    const world = new World({ a: 'never', b: 'never', c: 'never' }, controller.signal);
    await world.runTo(300);
    controller.abort();
    await world.runTo(2000);
    expect(world.outcome?.result).toContain('ERR_KWIK_ABORTED');
    expect(world.started).toEqual(['a@0', 'b@250']);
    expect(world.clock.pendingTimers).toBe(0);
  });

  test('a single address fails with its own error', async () => {
    const world = new World({ a: { afterMs: 10, fails: 'ERR_KWIK_TIMEOUT' } });
    await world.runTo(100);
    expect(world.outcome?.result).toBe('ERR_KWIK_TIMEOUT a says ERR_KWIK_TIMEOUT');
  });
});

test('a value that comes after another won is discarded', async () => {
  const clock = new VirtualClock();
  const discarded: string[] = [];
  const late: (() => void)[] = [];
  const race = raceAddresses({
    target: 'host:1',
    addresses: ['a', 'b'],
    clock,
    nameOf: (address) => address,
    attempt: (address) => new Promise<string>((resolve) => void late.push(() => resolve(address))),
    discard: (value) => void discarded.push(value),
  });
  clock.advanceTo(250);
  late[1]?.();
  expect(await race).toBe('b');
  late[0]?.();
  await Promise.resolve();
  expect(discarded).toEqual(['a']);
});
