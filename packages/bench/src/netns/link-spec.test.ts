import { describe, expect, test } from '@jest/globals';

import { applyLinkSpec, linkCommands, meanRateBitsPerSecond, queueBytesOf } from './link-spec.js';

describe('a link of the lab', () => {
  test('takes `both` first, then each direction over it', () => {
    const { up, down } = applyLinkSpec({
      both: { rateBitsPerSecond: 8e6, delayMs: 5 },
      down: { rateBitsPerSecond: 20e6 },
    });
    expect([up.rateBitsPerSecond, up.delayMs, down.rateBitsPerSecond, down.delayMs]).toEqual([8e6, 5, 20e6, 5]);
  });

  test('keeps what a change does not name', () => {
    const before = applyLinkSpec({ both: { rateBitsPerSecond: 8e6, lossRate: 0.01 } });
    const { up, down } = applyLinkSpec({ up: { rateBitsPerSecond: 1e6 } }, before);
    expect([up.rateBitsPerSecond, up.lossRate, down.rateBitsPerSecond]).toEqual([1e6, 0.01, 8e6]);
  });

  test('has a queue of 50 ms, of 32 kB at least, or what is said', () => {
    const queue = (spec: object): number => queueBytesOf(applyLinkSpec({ both: spec }).up);
    expect(queue({ rateBitsPerSecond: 10e6 })).toBe(62_500);
    expect(queue({ rateBitsPerSecond: 1e6 })).toBe(32_768);
    expect(queue({ rateBitsPerSecond: 1e6, queueBytes: 5000 })).toBe(5000);
    expect(queue({})).toBe(1e15);
    expect(
      queue({
        trace: [
          { ms: 100, rateBitsPerSecond: 30e6 },
          { ms: 100, rateBitsPerSecond: 10e6 },
        ],
      }),
    ).toBe(125_000);
  });

  test('becomes commands, and a trace is started anew only when it changes', () => {
    const trace = [
      { ms: 10, rateBitsPerSecond: 1e6 },
      { ms: 30, rateBitsPerSecond: 5e6 },
    ];
    const settings = applyLinkSpec({ up: { rateBitsPerSecond: 1e6, delayMs: 2.5, queueBytes: 9000 }, down: { trace } });
    expect(meanRateBitsPerSecond(trace)).toBe(4e6);
    expect(linkCommands(3, settings)).toEqual([
      'set 3 0 1000000 2.5 0 0 9000 0',
      'set 3 1 0 0 0 0 32768 0',
      'trace 3 1 10:1000000,30:5000000',
    ]);
    const slower = applyLinkSpec({ both: { delayMs: 9, jitterDistribution: 'normal', jitterMs: 1 } }, settings);
    expect(linkCommands(3, slower, settings)).toEqual(['set 3 0 1000000 9 1 1 9000 0', 'set 3 1 0 9 1 1 32768 0']);
    expect(linkCommands(3, applyLinkSpec({ down: { trace: null } }, slower), slower).at(-1)).toBe('trace 3 1 -');
  });
});
