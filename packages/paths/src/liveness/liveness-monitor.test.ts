import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { RttView } from '../rtt/rtt-estimator.js';
import { seededRandom } from '../test-support/random.js';
import { runPeer, type PeerOptions } from '../test-support/silent-peer.js';
import { LivenessMonitor, type LivenessActions } from './liveness-monitor.js';

/** A calm path: an answer may take 40 + 8 (4 variations) + 10 ms. */
const CALM: RttView = { smoothedMs: 40, rttVarMs: 2, minMs: 38 };

/** Runs the timers until `untilMs`; what happened, and when. */
function timeline(monitor: LivenessMonitor, untilMs: number): [number, LivenessActions][] {
  const happened: [number, LivenessActions][] = [];
  for (let due = monitor.nextTimeoutMs(); due !== undefined && due <= untilMs; due = monitor.nextTimeoutMs()) {
    happened.push([due, monitor.handleTimeout(due)]);
    if (happened.length > 10_000) throw new Error('the monitor does not come to rest');
  }
  return happened;
}

describe('LivenessMonitor', () => {
  test('an idle path is probed every 15 s, and lives as long as it answers', () => {
    const monitor = new LivenessMonitor(0, CALM);
    for (let round = 0; round < 4; round++) {
      const due = monitor.nextTimeoutMs() as number;
      expect(due).toBeCloseTo(round * 15_040 + 15_000);
      expect(monitor.handleTimeout(due - 0.01)).toEqual({});
      expect(monitor.handleTimeout(due)).toEqual({ probe: true });
      expect(monitor.onReceived(due + 40)).toBe(false);
    }
    expect(monitor.suspected).toBe(false);
  });

  test('an idle path that does not answer is suspected, probed three times more, and dead after 500 ms', () => {
    const monitor = new LivenessMonitor(0, CALM);
    const happened = timeline(monitor, 1e6);
    expect(happened.map(([at, actions]) => [Math.round(at), actions])).toEqual([
      [15_000, { probe: true }],
      [15_058, { suspect: true, probe: true }],
      [15_169, { probe: true }],
      [15_279, { probe: true }],
      [15_390, { probe: true }],
      [15_500, { dead: true }],
    ]);
    expect([monitor.dead, monitor.nextTimeoutMs(), monitor.onReceived(16_000)]).toEqual([true, undefined, false]);
    expect(monitor.handleTimeout(1e9)).toEqual({});
  });

  test('one that is dead and listened to all the same stays suspected, is asked ever more rarely, and is dead again', () => {
    const monitor = new LivenessMonitor(0, CALM);
    monitor.putOff(0);
    const deaths = [15_500, 16_000];
    for (const deadMs of deaths) {
      expect(timeline(monitor, 1e6).at(-1)).toEqual([deadMs, { dead: true }]);
      monitor.putOff(deadMs);
      expect([monitor.dead, monitor.suspected]).toEqual([false, true]);
    }
    const asked = timeline(monitor, 16_499).map(([at]) => Math.round(at));
    expect(asked).toEqual([16_274]);
    expect(monitor.onReceived(16_499)).toBe(true);
    expect([monitor.dead, monitor.suspected]).toEqual([false, false]);
    // As if nothing had been.
    expect(timeline(monitor, 1e6).map(([at, actions]) => [Math.round(at), actions])).toEqual([
      [31_499, { probe: true }],
      [31_557, { suspect: true, probe: true }],
      [31_668, { probe: true }],
      [31_778, { probe: true }],
      [31_889, { probe: true }],
      [31_999, { dead: true }],
    ]);
  });

  test('what a receipt leaves unanswered is asked from then on, until it is acknowledged', () => {
    const monitor = new LivenessMonitor(0, CALM);
    monitor.onSentEliciting(1000);
    monitor.onReceived(1045);
    expect(monitor.nextTimeoutMs()).toBe(16_045);
    // The path is full: nothing new is sent, and packets of before are not acknowledged.
    monitor.unacknowledged(true);
    expect(monitor.nextTimeoutMs()).toBe(1045 + 20 + 58);
    monitor.onReceived(1060);
    monitor.unacknowledged(true);
    expect(monitor.nextTimeoutMs()).toBe(1060 + 20 + 58);
    // The acknowledgements of that receipt have been read now.
    monitor.unacknowledged(false);
    expect(monitor.nextTimeoutMs()).toBe(16_060);
    monitor.unacknowledged(true);
    expect(monitor.handleTimeout(1138)).toEqual({ suspect: true, probe: true });
    // A question that was asked since is not taken back: its answer is still to come from this path.
    monitor.onReceived(1150);
    monitor.onSentEliciting(1160);
    monitor.unacknowledged(false);
    // The suspicion was wrong, after 70 ms, so the next waits for a quarter more.
    expect(monitor.nextTimeoutMs()).toBeCloseTo(1160 + 20 + 1.25 * 70 * 2 ** (-30 / 5000));
  });

  test('a timer that is a little late lets the socket be read before it suspects', () => {
    const monitor = new LivenessMonitor(0, CALM);
    monitor.onSentEliciting(1000);
    const due = 1000 + 20 + 58;
    expect(monitor.nextTimeoutMs()).toBe(due);
    expect(monitor.handleTimeout(due + 15)).toEqual({});
    expect(monitor.nextTimeoutMs()).toBe(due + 15 + 4);
    // It held the answer.
    expect(monitor.onReceived(due + 15)).toBe(false);
    expect(monitor.suspected).toBe(false);
    monitor.onSentEliciting(2000);
    expect(monitor.handleTimeout(2078 + 15)).toEqual({});
    // It held nothing; and a late timer is excused once.
    expect(monitor.handleTimeout(2078 + 15 + 4 + 15)).toEqual({ suspect: true, probe: true });
  });

  test('a silence that ended well is not suspected again soon, and half of it after 5 s; an outage is: more than 50 ms late', () => {
    const monitor = new LivenessMonitor(0, CALM);
    const suspectedAfter = (askedMs: number, answeredMs: number | undefined): number => {
      monitor.onSentEliciting(askedMs);
      const due = monitor.nextTimeoutMs()!;
      if (answeredMs === undefined) monitor.onReceived(due - 1);
      else {
        expect(monitor.handleTimeout(due)).toMatchObject({ suspect: true });
        expect(monitor.onReceived(askedMs + 20 + answeredMs)).toBe(true);
      }
      return due - askedMs - 20;
    };
    expect(suspectedAfter(1000, 100)).toBeCloseTo(58);
    expect(suspectedAfter(1200, undefined)).toBeCloseTo(125 * 2 ** (-100 / 5000));
    expect(suspectedAfter(6100, undefined)).toBeCloseTo(62.5, 0);
    expect(suspectedAfter(11_000, 109)).toBeCloseTo(58);
    expect(suspectedAfter(12_000, undefined)).toBeCloseTo(58);
  });

  test('where nothing is owed an answer may take its time, if told so; and whatever comes is one', () => {
    const monitor = new LivenessMonitor(0, CALM, { patienceMs: 250 });
    expect(monitor.handleTimeout(15_000)).toEqual({ probe: true });
    expect(monitor.nextTimeoutMs()).toBe(15_250);
    monitor.onReceived(15_001);
    expect(monitor.nextTimeoutMs()).toBe(30_001);
    monitor.onSentEliciting(20_000);
    expect(monitor.nextTimeoutMs()).toBe(20_078);
    monitor.alone = true;
    expect(monitor.nextTimeoutMs()).toBe(20_270);
    monitor.alone = false;
    expect(monitor.nextTimeoutMs()).toBe(20_078);
  });

  test('while data is expected, a flow that pauses for a quarter RTT is asked, and suspected when it does not answer', () => {
    const monitor = new LivenessMonitor(0, CALM);
    monitor.expect(true, 100);
    for (let now = 101; now <= 200; now += 1) monitor.onReceived(now);
    const happened = timeline(monitor, 300);
    expect(happened.slice(0, 2)).toEqual([
      [210, { probe: true }],
      [268, { suspect: true, probe: true }],
    ]);
    expect(monitor.onReceived(290)).toBe(true);
    expect([monitor.suspected, monitor.dead]).toEqual([false, false]);
  });

  test('a packet that elicits an acknowledgement is a question too; the peer may hold the answer back', () => {
    const monitor = new LivenessMonitor(0, CALM);
    monitor.onSentEliciting(1000);
    expect(monitor.nextTimeoutMs()).toBe(1000 + 58 + 20);
    monitor.onReceived(1045);
    expect(monitor.nextTimeoutMs()).toBe(1045 + 15_000);
  });

  test('what arrives too early to be the answer only starts the clock anew', () => {
    const monitor = new LivenessMonitor(0, CALM);
    monitor.onSentEliciting(1000);
    monitor.onReceived(1005);
    expect(monitor.nextTimeoutMs()).toBe(1005 + 78);
  });

  test('a receipt reported late, from before the question, clears nothing', () => {
    const monitor = new LivenessMonitor(0, CALM);
    monitor.onSentEliciting(1000);
    expect(monitor.handleTimeout(1078)).toEqual({ suspect: true, probe: true });
    expect([monitor.onReceived(990), monitor.suspected]).toEqual([false, true]);
    expect([monitor.onReceived(1040), monitor.suspected]).toEqual([true, false]);
    expect(monitor.onReceived(1040)).toBe(false);
  });

  test('a living peer with nothing to send is asked ever less often, down to four times a second', () => {
    const monitor = new LivenessMonitor(0, CALM);
    monitor.expect(true, 0);
    const asked: number[] = [];
    while (asked.length < 12) {
      const due = monitor.nextTimeoutMs() as number;
      expect(monitor.handleTimeout(due)).toEqual({ probe: true });
      asked.push(due);
      monitor.onReceived(due + 40);
    }
    const gaps = asked.slice(1).map((at, i) => Math.round(at - (asked[i] as number) - 40));
    expect(gaps).toEqual([10, 20, 40, 80, 160, 250, 250, 250, 250, 250, 250].map((gap) => expect.closeTo(gap, 0)));
    for (let i = 1; i <= 5; i++) monitor.onReceived((asked[11] as number) + 40 + i);
    expect(monitor.nextTimeoutMs()).toBeCloseTo((asked[11] as number) + 45 + 10);
    monitor.expect(false, (asked[11] as number) + 46);
    expect(monitor.nextTimeoutMs()).toBeCloseTo((asked[11] as number) + 45 + 15_000);
  });

  test('when this process stood still, what came is read first, then the peer is asked once more', () => {
    const monitor = new LivenessMonitor(0, CALM);
    monitor.onSentEliciting(1000);
    expect(monitor.handleTimeout(1078)).toMatchObject({ suspect: true });
    expect(monitor.handleTimeout(60_000)).toEqual({});
    expect(monitor.nextTimeoutMs()).toBe(60_050);
    expect(monitor.handleTimeout(60_050)).toEqual({ probe: true });
    expect(timeline(monitor, 70_000).at(-1)).toEqual([60_500, { dead: true }]);
  });

  test('a peer that is silent because this process stood still is not asked when its question is read', () => {
    const monitor = new LivenessMonitor(0, CALM, { keepAliveMs: 3000 });
    expect(monitor.nextTimeoutMs()).toBe(3000);
    expect(monitor.handleTimeout(3400)).toEqual({});
    monitor.onReceived(3410);
    expect(monitor.nextTimeoutMs()).toBe(6410);
    expect(monitor.handleTimeout(6420)).toEqual({ probe: true });
  });

  test('a process whose timers are always late still sees a path die', () => {
    const monitor = new LivenessMonitor(0, CALM);
    monitor.onSentEliciting(1000);
    let now = 1000;
    for (let calls = 0; !monitor.dead; calls++) {
      expect(calls).toBeLessThan(10);
      now = (monitor.nextTimeoutMs() as number) + 200;
      monitor.handleTimeout(now);
    }
    expect(now).toBeLessThan(4000);
  });

  test('keep-alive can be turned off, and not to nonsense', () => {
    expect(new LivenessMonitor(0, CALM, { keepAliveMs: Number.POSITIVE_INFINITY }).nextTimeoutMs()).toBeUndefined();
    expect(() => new LivenessMonitor(0, CALM, { keepAliveMs: 0 })).toThrow();
  });
});

const load: fc.Arbitrary<Pick<PeerOptions, 'dataEveryMs' | 'sendEveryMs'>> = fc.constantFrom(
  { dataEveryMs: 2 },
  { dataEveryMs: 40 },
  { sendEveryMs: 5 },
  { sendEveryMs: 300 },
  { dataEveryMs: 5, sendEveryMs: 20 },
  {},
);
const world = fc.record({
  seed: fc.nat(),
  rttMs: fc.constantFrom(0.5, 2, 10, 20, 60, 150, 300),
  jitter: fc.constantFrom(0, 0.1, 0.3, 0.5),
  load,
});

describe('LivenessMonitor before a simulated peer', () => {
  test('nobody who lives is declared dead: jitter up to half the RTT, any load, 2 % loss', () => {
    fc.assert(
      fc.property(world, ({ seed, load: traffic, ...path }) => {
        const liveness = { keepAliveMs: 700 };
        const run = runPeer(4000, { ...path, ...traffic, random: seededRandom(seed), loss: 0.02, liveness });
        expect(run.deadAtMs).toBeUndefined();
      }),
      { numRuns: 250 },
    );
  });

  test('without loss, suspicion of a living peer is rare', () => {
    let suspicions = 0;
    let seconds = 0;
    for (let seed = 0; seed < 60; seed++) {
      const rttMs = [2, 20, 100, 300][seed % 4] as number;
      const run = runPeer(5000, { rttMs, jitter: 0.5, random: seededRandom(seed), dataEveryMs: 3, sendEveryMs: 25 });
      suspicions += run.suspectedAtMs.length;
      seconds += 5;
    }
    expect(suspicions / seconds).toBeLessThan(0.05);
  });

  test('an application that falls silent is not a path that falls silent', () => {
    for (let seed = 0; seed < 20; seed++) {
      const options = { rttMs: 30, jitter: 0.2, random: seededRandom(seed), dataEveryMs: 2, dataUntilMs: 1000 };
      const run = runPeer(8000, options);
      expect([run.suspectedAtMs, run.deadAtMs]).toEqual([[], undefined]);
      expect(run.probes).toBeLessThan(8 * 5 + 20);
    }
  });

  // Design, section 4: the reader's gap is at most 3 smoothed RTTs + 50 ms. Fetching elsewhere takes one RTT of a like
  // path, so suspicion must come within two, and 50 ms, of the last sign of life.
  test('a silent cut under load is suspected within 2 smoothed RTTs + 50 ms of the last sign of life', () => {
    const traffic = fc.constantFrom({ dataEveryMs: 2 }, { sendEveryMs: 5 }, { dataEveryMs: 3, sendEveryMs: 10 });
    fc.assert(
      fc.property(world, traffic, ({ seed, rttMs, jitter }, loaded) => {
        const random = seededRandom(seed);
        const cutAtMs = 1500 + 500 * random();
        const run = runPeer(9000, { rttMs, jitter, random, cutAtMs, ...loaded });
        const suspectedAtMs = run.suspectedAtMs.find((at) => at >= run.lastArrivalMs) ?? Number.POSITIVE_INFINITY;
        expect(suspectedAtMs - run.lastArrivalMs).toBeLessThanOrEqual(2 * run.rtt.smoothedMs + 50);
      }),
      { numRuns: 250 },
    );
  });

  test('and dead, under load or idle, within 500 ms or 7 RTTs of the first question, whichever is later', () => {
    fc.assert(
      fc.property(world, ({ seed, rttMs, jitter, load: traffic }) => {
        const random = seededRandom(seed);
        const keepAliveMs = 700;
        const cutAtMs = 1500 + 500 * random();
        const run = runPeer(20_000, { rttMs, jitter, random, cutAtMs, ...traffic, liveness: { keepAliveMs } });
        const longestMs = keepAliveMs + Math.max(500, 6 * run.rtt.smoothedMs + 60);
        expect((run.deadAtMs ?? Number.POSITIVE_INFINITY) - run.lastArrivalMs).toBeLessThanOrEqual(longestMs + 0.01);
        expect(run.monitor.nextTimeoutMs()).toBeUndefined();
      }),
      { numRuns: 150 },
    );
  });
});
