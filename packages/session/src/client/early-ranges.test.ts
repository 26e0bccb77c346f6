import { describe, expect, test } from '@jest/globals';
import { PRIMARY_PATH_ID, toStreamId, type StreamId } from '@kwik/wire';
import { MemoryLedger, PIECE_OVERHEAD_BYTES } from '../core/costs/memory-ledger.js';
import { EarlyRanges } from './early-ranges.js';

const MAX_BYTES = 1024 * 1024;
const [ONE, TWO] = [toStreamId(0n), toStreamId(4n)];
const range = (streamId: StreamId, offset: number, data: Uint8Array) => ({
  pathId: PRIMARY_PATH_ID,
  streamId,
  offset,
  data,
});

function ranges(gone = new Set<StreamId>()) {
  const ledger = new MemoryLedger();
  const account = ledger.open(() => undefined);
  return { ledger, early: new EarlyRanges({ account, exists: (id) => !gone.has(id) }) };
}

describe('ranges that overtook the announcement of their content', () => {
  test('are those of the stream, in their order, and given out once', () => {
    const { early } = ranges();
    early.keep(range(ONE, 5, Uint8Array.of(1)));
    early.keep(range(TWO, 0, Uint8Array.of(2)));
    early.keep(range(ONE, 0, Uint8Array.of(3)));
    expect(early.take(ONE).map(({ offset }) => offset)).toEqual([5, 0]);
    expect(early.take(ONE)).toEqual([]);
    expect(early.take(TWO)).toHaveLength(1);
    expect(early.costBytes).toBe(0);
  });

  test.each([0, 1, 100, 65_536])('of %d bytes each cost no more memory than there is for them', (bytes) => {
    const { early, ledger } = ranges();
    for (let index = 0; index < 20_000; index++) early.keep(range(ONE, index, new Uint8Array(bytes)));
    expect(early.costBytes).toBeLessThanOrEqual(MAX_BYTES);
    expect(ledger.use.heldBytes + ledger.use.overheadBytes).toBe(early.costBytes);
    const kept = early.take(ONE);
    expect(kept.length).toBe(bytes === 0 ? 0 : Math.floor(MAX_BYTES / (bytes + PIECE_OVERHEAD_BYTES)));
    expect(ledger.use).toMatchObject({ heldBytes: 0, overheadBytes: 0 });
  });

  test('keep no more of a buffer alive than their bytes', () => {
    const { early } = ranges();
    const buffer = new Uint8Array(100_000);
    early.keep(range(ONE, 0, buffer.subarray(10, 20)));
    buffer.fill(9);
    const [kept] = early.take(ONE);
    expect(kept?.data.buffer.byteLength).toBe(10);
    expect(kept?.data).toEqual(new Uint8Array(10));
  });

  test('of streams that are gone make room for others', () => {
    const gone = new Set<StreamId>();
    const { early } = ranges(gone);
    early.keep(range(ONE, 0, new Uint8Array(MAX_BYTES - PIECE_OVERHEAD_BYTES)));
    early.keep(range(TWO, 0, Uint8Array.of(1)));
    expect(early.take(TWO)).toEqual([]);
    gone.add(ONE);
    early.keep(range(TWO, 0, Uint8Array.of(2)));
    expect(early.take(TWO)).toHaveLength(1);
    expect(early.take(ONE)).toEqual([]);
  });

  test('are all forgotten when another server is the primary', () => {
    const { early, ledger } = ranges();
    early.keep(range(ONE, 0, Uint8Array.of(1)));
    early.clear();
    expect(early.take(ONE)).toEqual([]);
    expect(ledger.use).toMatchObject({ heldBytes: 0, overheadBytes: 0 });
  });
});
