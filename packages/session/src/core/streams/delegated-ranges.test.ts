import { describe, expect, it } from '@jest/globals';
import { toStreamId } from '@kwik/wire';
import { patternBytes } from '../../test-support/random.js';
import { DelegatedRanges, MAX_SKIPPED_RANGES } from './delegated-ranges.js';
import { SendHalf } from './send-half.js';

const code = (name: string) => expect.objectContaining({ code: name });

function half(): SendHalf {
  return new SendHalf(toStreamId(3n), { maxOffset: 100_000, bufferBytes: 50_000 });
}

describe('bytes that a primary leaves to others', () => {
  it('were skipped, or are still ahead; what it wrote itself it cannot grant', () => {
    const send = half();
    send.write(patternBytes(10));
    send.skip(20);
    send.write(patternBytes(10));
    for (const range of [
      { start: 5, end: 12 },
      { start: 25, end: 31 },
      { start: 39, end: 50 },
    ]) {
      expect(() => send.delegate([range])).toThrow(code('ERR_KWIK_INVALID_ARGUMENT'));
    }
    send.delegate([
      { start: 10, end: 30 },
      { start: 45, end: 50 },
    ]);
    send.delegate([{ start: 12, end: 13 }]);
  });

  it('are not written by it, as content neither, until it skips them or the client refused', () => {
    const send = half();
    const [fresh] = [send.delegate([{ start: 5, end: 8 }])];
    const granted = code('ERR_KWIK_INVALID_STATE');
    send.write(patternBytes(5));
    expect(() => send.write(patternBytes(1))).toThrow(granted);
    expect(() => send.reserve(1)).toThrow(granted);
    expect(send.delegate([{ start: 5, end: 8 }])).toEqual([]);
    send.skip(3);
    send.write(patternBytes(1));

    const refused = half();
    refused.takeBack(refused.delegate(fresh));
    refused.write(patternBytes(10));
  });

  it('lie before the end of the stream', () => {
    const send = half();
    send.delegate([{ start: 0, end: 10 }]);
    expect(() => send.finish()).toThrow(code('ERR_KWIK_INVALID_STATE'));
    send.skip(10);
    send.finish();
    expect(send.state).toBe('closing');
  });

  it('are remembered up to a bound: of those that were skipped, the newest', () => {
    const ranges = new DelegatedRanges();
    const count = MAX_SKIPPED_RANGES + 10;
    for (let index = 0; index < count; index++) ranges.skip(2 * index, 2 * index + 1);
    expect(() => ranges.delegate([{ start: 0, end: 1 }], 2 * count)).toThrow(code('ERR_KWIK_INVALID_ARGUMENT'));
    expect(ranges.delegate([{ start: 2 * count - 2, end: 2 * count - 1 }], 2 * count)).toHaveLength(1);
  });
});
