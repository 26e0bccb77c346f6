import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { toPathId } from '@kwik/wire';
import fc from 'fast-check';
import { NODE_NATIVES } from '../../runtime/host/node-natives.js';
import { patternBytes, TestRandom } from '../../test-support/random.js';
import { BlockLedger } from './block-ledger.js';
import { DigestLedger } from './digest-ledger.js';

const a = toPathId(0);
const b = toPathId(1);
const digestOf = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

describe('BlockLedger', () => {
  it('knows the shape of the content, the last block being shorter', () => {
    const ledger = new BlockLedger({ size: 250, blockBytes: 100 });
    expect(ledger.blockCount).toBe(3);
    expect([0, 1, 2].map((block) => ledger.lengthOf(block))).toEqual([100, 100, 50]);
    expect([0, 99, 100, 199, 249, 250, 1000].map((end) => ledger.blocksBefore(end))).toEqual([0, 0, 1, 1, 2, 3, 3]);
  });

  it('is complete at once when there is nothing', () => {
    expect(new BlockLedger({ size: 0, blockBytes: 100 }).complete).toBe(true);
  });

  it('moves its head over what is verified, in whatever order, and counts each block once', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 60 }), (seed, count) => {
        const random = new TestRandom(seed);
        const ledger = new BlockLedger({ size: count * 10 - 3, blockBytes: 10 });
        const verified = new Set<number>();
        for (const block of random.shuffle(Array.from({ length: count }, (_, index) => index))) {
          ledger.expect(block, a, 0);
          ledger.verify(block);
          ledger.verify(block);
          verified.add(block);
          let head = 0;
          while (verified.has(head)) head++;
          expect(ledger.head).toBe(head);
          expect(ledger.isVerified(block)).toBe(true);
        }
        expect(ledger.complete).toBe(true);
        expect(ledger.verifiedBytes).toBe(count * 10 - 3);
      }),
    );
  });

  it('keeps the copies of a block apart, and gives back those that are not needed', () => {
    const ledger = new BlockLedger({ size: 250, blockBytes: 100 });
    const mine = ledger.expect(1, a, 0);
    const other = ledger.expect(1, b, 5);
    expect(ledger.copy(1, b)).toBe(other);
    ledger.forget(other);
    ledger.forget(other);
    expect(ledger.copies(1)).toEqual([mine]);
    ledger.expect(2, a, 0);
    const again = ledger.expect(1, b, 9);
    ledger.forgetPath(a);
    expect(ledger.copies(1)).toEqual([again]);
    expect(ledger.copies(2)).toEqual([]);
    expect(ledger.verify(1)).toEqual([again]);
    expect(ledger.copies(1)).toEqual([]);
    expect(ledger.head).toBe(0);
  });
});

describe('DigestLedger', () => {
  const blocks = [patternBytes(100), patternBytes(100, 100), patternBytes(50, 200)];

  it('tells right from wrong, once it knows', () => {
    const ledger = new DigestLedger(3, NODE_NATIVES.sha256);
    expect(ledger.check(0, blocks[0]!)).toBeUndefined();
    expect(ledger.add(0, Buffer.concat(blocks.slice(0, 2).map(digestOf)))).toEqual({ first: 0, end: 2 });
    expect(ledger.check(0, blocks[0]!)).toBe(true);
    expect(ledger.check(1, blocks[0]!)).toBe(false);
    expect(ledger.check(2, blocks[2]!)).toBeUndefined();
    expect(ledger.add(2, digestOf(blocks[2]!))).toEqual({ first: 2, end: 3 });
    expect(ledger.check(2, blocks[2]!)).toBe(true);
    ledger.forget(2);
    expect(ledger.check(2, blocks[2]!)).toBeUndefined();
  });

  it('takes whole digests, in order, for blocks that exist', () => {
    const ledger = new DigestLedger(3, NODE_NATIVES.sha256);
    const invalid = expect.objectContaining({ code: 'ERR_KWIK_INVALID_MESSAGE' });
    for (const [first, bytes] of [
      [1, 32],
      [0, 33],
      [0, 31],
      [0, 128],
    ] as const) {
      expect(() => ledger.add(first, new Uint8Array(bytes))).toThrow(invalid);
    }
    ledger.add(0, new Uint8Array(64));
    expect(() => ledger.add(3, new Uint8Array(32))).toThrow(invalid);
    expect(() => ledger.add(2, new Uint8Array(64))).toThrow(invalid);
  });

  it('passes over digests that come again, as after the loss of one of two paths; the first stay (sim, seed 10713)', () => {
    const ledger = new DigestLedger(3, NODE_NATIVES.sha256);
    const blocks = [1, 2, 3].map((fill) => new Uint8Array(10).fill(fill));
    ledger.add(0, Buffer.concat(blocks.slice(0, 2).map(digestOf)));
    expect(ledger.add(0, new Uint8Array(64))).toEqual({ first: 2, end: 2 });
    expect(ledger.add(1, Buffer.concat([new Uint8Array(32), digestOf(blocks[2]!)]))).toEqual({ first: 2, end: 3 });
    expect(blocks.map((block, index) => ledger.check(index, block))).toEqual([true, true, true]);
  });

  it('keeps a bounded number of them', () => {
    const ledger = new DigestLedger(1e12, NODE_NATIVES.sha256);
    const many = new Uint8Array(32 * 1024);
    let added = 0;
    const addAll = (): void => {
      for (; added < 1e6; added += 1024) ledger.add(added, many);
    };
    expect(addAll).toThrow(expect.objectContaining({ code: 'ERR_KWIK_LIMIT_EXCEEDED', scope: 'peer' }));
    expect(added).toBe(65_536);
  });
});
