import { describe, expect, test } from '@jest/globals';
import { ProcessorCost } from './processor-cost.js';

describe('ProcessorCost', () => {
  describe('of packets in the backend', () => {
    const run = (samples: number, ms: (i: number) => number): string | undefined => {
      const cost = new ProcessorCost(0);
      for (let i = 0; i < samples; i += 1) cost.packet(1_350, ms(i));
      return cost.problem()?.code;
    };

    test('times one packet of eight', () => {
      const cost = new ProcessorCost(0);
      expect(Array.from({ length: 80 }, () => cost.samples).filter(Boolean)).toHaveLength(10);
    });

    test('ends who costs ten times as much all the time, and nobody whose machine stalls now and then', () => {
      expect(run(31, () => 0.6)).toBeUndefined();
      expect(run(32, () => 0.6)).toBe('ERR_KWIK_EXCESSIVE_LOAD');
      expect(run(100_000, (i) => (i % 3 === 0 ? 50 : 0.01))).toBeUndefined();
      expect(run(100_000, () => 0.4)).toBeUndefined();
    });
  });

  describe('of turns', () => {
    /** Ten seconds in which each millisecond has one packet of 1,350 bytes and a turn of `ms`. */
    const run = (ms: (now: number) => number, bytes = 1_350): string | undefined => {
      const cost = new ProcessorCost(0);
      for (let now = 1; now <= 10_000; now += 1) {
        if (bytes > 0) cost.explain(bytes);
        cost.turn(ms(now), now);
      }
      return cost.problem()?.message;
    };

    test('ends who costs ten times what its bytes explain, and says so', () => {
      expect(run(() => 0.9)).toContain('more than 10 times the processor time');
      expect(run(() => 0.6)).toBeUndefined();
    });

    test('what is sent explains as much as what comes', () => {
      const cost = new ProcessorCost(0);
      for (let now = 1; now <= 10_000; now += 1) {
        for (let packet = 0; packet < 4; packet += 1) cost.explain(1_350);
        cost.turn(2, now);
      }
      expect(cost.problem()).toBeUndefined();
    });

    test('a process that is suspended for an hour, or stalls now and then, ends nobody', () => {
      expect(run((now) => (now === 5_000 ? 3_600_000 : 0.1))).toBeUndefined();
      expect(run((now) => (now % 400 === 0 ? 50 : 0.1))).toBeUndefined();
    });
  });
});
