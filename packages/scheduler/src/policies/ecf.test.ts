import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { describeSchedulerContract } from '../test-support/contract.js';
import { transfer } from '../test-support/simulation.js';
import { busy, request, snapshot } from '../test-support/snapshots.js';
import { createEcfScheduler } from './ecf.js';
import { createMinRttScheduler } from './min-rtt.js';

describeSchedulerContract('ecf', createEcfScheduler);

describe('ecf', () => {
  const fast = snapshot(0, { windowBytes: 50_000, sendableBytes: 50_000, rttVarMs: 0 });
  const slow = snapshot(1, { rttMs: 100, minRttMs: 100, windowBytes: 50_000, sendableBytes: 50_000, rttVarMs: 0 });
  const choice = (pendingBytes: number, paths = [busy(fast), slow]): unknown => {
    const decision = createEcfScheduler().select(request({ pendingBytes }), paths, 0);
    return decision.kind === 'send' ? decision.pathId : 'wait';
  };

  test('the fast path while it has room', () => expect(choice(1e6, [fast, slow])).toBe(0));

  test('waits for it where it has all that waits there first: (1 + k / cwnd_f) RTT_f < RTT_s + delta', () => {
    expect(choice(199_000)).toBe('wait'); // 4.98 x 20 ms
    expect(choice(200_000)).toBe(1); // 5 x 20 ms
    expect(choice(200_000, [busy({ ...fast, rttVarMs: 5 }), slow])).toBe('wait'); // < 105 ms
  });

  test('does not wait where the slow path drains before the next turn: k / cwnd_s RTT_s < 2 RTT_f + delta', () => {
    expect(choice(19_900)).toBe(1); // 39.8 ms < 40 ms
    expect(choice(20_100)).toBe('wait');
  });

  test('once waiting, the slow path must be better by a quarter', () => {
    const scheduler = createEcfScheduler();
    const kind = (pendingBytes: number, now: number): unknown =>
      scheduler.select(request({ pendingBytes }), [busy(fast), slow], now).kind;
    expect(kind(240_000, 0)).toBe('send');
    expect(kind(199_000, 1)).toBe('wait');
    expect(kind(240_000, 2)).toBe('wait'); // 116 ms < 125 ms
    expect(kind(270_000, 3)).toBe('send'); // 128 ms
    expect(kind(240_000, 4)).toBe('send');
  });

  test('a fast path that is stuck is given up after two of its round trips', () => {
    const scheduler = createEcfScheduler();
    const kind = (now: number): unknown =>
      scheduler.select(request({ pendingBytes: 100_000 }), [busy(fast), slow], now).kind;
    for (let now = 0; now < 40; now += 5) expect(kind(now)).toBe('wait');
    expect(kind(40)).toBe('send');
  });

  test('it waits for no path that is slower than one that can send', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 1e7 }), (more, pendingBytes) => {
        expect(choice(pendingBytes, [fast, busy({ ...slow, rttMs: 20 + more })])).toBe(0);
      }),
    );
  });

  test('as the paper has it: over unlike paths a download ends earlier than with min-rtt, for it waits at its end', () => {
    const links = [
      { mbits: 20, rttMs: 20 },
      { mbits: 1, rttMs: 200 },
    ];
    for (const bytes of [100_000, 250_000, 500_000]) {
      const ecf = transfer(createEcfScheduler(), links, { bytes });
      const minRtt = transfer(createMinRttScheduler(), links, { bytes });
      expect(ecf.doneMs).toBeLessThan(0.9 * minRtt.doneMs);
    }
  });
});
