import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { patternBytes, TestRandom } from '../../test-support/random.js';
import { MemoryLedger } from '../costs/memory-ledger.js';
import { RangeSupply } from './range-supply.js';

const SIZE = 8_000_000;
const CONTENT = patternBytes(SIZE);
const READ_AHEAD = 1024 * 1024;
const code = (name: string): unknown => expect.objectContaining({ code: name });
const supplyOf = (size = SIZE, baseOffset = 0): RangeSupply => new RangeSupply({ size, baseOffset });

/** Reads all that may be read now; returns how much. */
function readAhead(supply: RangeSupply): number {
  let bytes = 0;
  for (let read = supply.nextRead(); read !== undefined; read = supply.nextRead()) {
    supply.supply(CONTENT.subarray(read.offset, read.offset + read.length));
    bytes += read.length;
  }
  return bytes;
}

describe('RangeSupply', () => {
  it('gives the lowest offset first, whenever it was asked for', () => {
    const supply = supplyOf(SIZE, 500);
    supply.request(3n, 300, 100);
    supply.request(1n, 100, 100);
    supply.request(2n, 200, 100);
    readAhead(supply);
    const offsets: number[] = [];
    for (let piece = supply.take(60); piece !== undefined; piece = supply.take(60)) {
      expect(piece.data).toEqual(patternBytes(piece.data.length, piece.offset - 500));
      offsets.push(piece.offset);
    }
    expect(offsets).toEqual([600, 660, 700, 760, 800, 860]);
    expect(supply.outstandingRanges).toBe(0);
    expect(supply.hasData).toBe(false);
  });

  it('finishes a range whose sending has begun', () => {
    const supply = supplyOf();
    supply.request(5n, 500, 100);
    readAhead(supply);
    supply.take(10);
    supply.request(1n, 100, 100);
    readAhead(supply);
    expect(supply.take(1000)?.offset).toBe(510);
    expect(supply.take(1000)?.offset).toBe(100);
  });

  it('reads once at a time, and ahead only so far', () => {
    const supply = supplyOf();
    supply.request(0n, 0, SIZE);
    const first = supply.nextRead()!;
    expect(supply.nextRead()).toBeUndefined();
    supply.supply(patternBytes(first.length, first.offset));
    expect(first.length + readAhead(supply)).toBe(READ_AHEAD);
    supply.take(1000);
    expect(supply.nextRead()).toBeDefined();
  });

  it('reads what goes out next even when as much as allowed is buffered behind it', () => {
    const supply = supplyOf();
    for (let index = 4; index < 24; index++) supply.request(BigInt(index), index * 65_536, 65_536);
    expect(readAhead(supply)).toBe(READ_AHEAD);
    supply.request(0n, 0, 65_536);
    expect(supply.hasData).toBe(false);
    expect(supply.nextRead()).toEqual({ offset: 0, length: 65_536 });
    supply.supply(patternBytes(65_536));
    expect(supply.take(100)?.offset).toBe(0);
  });

  it('drops what was cancelled, and a read that comes too late for it', () => {
    const supply = supplyOf();
    supply.request(1n, 0, 100);
    supply.request(2n, 100, 100);
    supply.nextRead();
    supply.cancel([1n, 99n]);
    supply.supply(patternBytes(100));
    expect(supply.hasData).toBe(false);
    readAhead(supply);
    expect(supply.take(1000)?.offset).toBe(100);
    supply.request(3n, 0, 100);
    readAhead(supply);
    supply.clear();
    expect(supply.take(1000)).toBeUndefined();
    expect(supply.outstandingRanges).toBe(0);
    supply.request(4n, 0, SIZE);
    expect(readAhead(supply)).toBe(READ_AHEAD);
  });

  it('refuses what lies outside, and more ranges than it keeps', () => {
    const supply = supplyOf(100);
    for (const [offset, length] of [
      [0, 0],
      [-1, 5],
      [0, 101],
      [100, 1],
      [50, 51],
    ] as const) {
      expect(() => supply.request(0n, offset, length)).toThrow(code('ERR_KWIK_INVALID_MESSAGE'));
    }
    for (let id = 0n; id < 4096n; id++) supply.request(id, 0, 1);
    expect(() => supply.request(9999n, 0, 1)).toThrow(code('ERR_KWIK_LIMIT_EXCEEDED'));
  });

  it('takes no more than it asked for', () => {
    const supply = supplyOf();
    supply.request(1n, 0, 100);
    supply.nextRead();
    expect(() => supply.supply(patternBytes(101))).toThrow(code('ERR_KWIK_INTERNAL'));
  });

  it('sends each byte of what was not cancelled exactly once, and never gets stuck', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = new TestRandom(seed);
        const blockBytes = random.pick([4096, 65_536, 262_144]);
        const blocks = Math.min(60, Math.floor(SIZE / blockBytes));
        const supply = supplyOf();
        const sent = new Map<number, number>();
        const cancelled = new Set<number>();
        let wanted = random.shuffle(Array.from({ length: blocks }, (_, block) => block));
        const take = (): boolean => {
          const piece = supply.take(random.between(1, blockBytes));
          if (piece === undefined) return false;
          const block = Math.floor(piece.offset / blockBytes);
          expect(piece.offset).toBe(block * blockBytes + (sent.get(block) ?? 0));
          sent.set(block, (sent.get(block) ?? 0) + piece.data.length);
          return true;
        };
        while (wanted.length > 0) {
          const action = random.below(4);
          if (action === 0) {
            const block = wanted[0]!;
            wanted = wanted.slice(1);
            supply.request(BigInt(block), block * blockBytes, blockBytes);
          } else if (action === 1) readAhead(supply);
          else if (action === 2) take();
          else if (random.below(10) === 0) {
            const block = random.below(blocks);
            if (wanted.includes(block)) continue;
            supply.cancel([BigInt(block)]);
            cancelled.add(block);
          }
        }
        do readAhead(supply);
        while (take());
        expect(supply.outstandingRanges).toBe(0);
        for (let block = 0; block < blocks; block++)
          if (!cancelled.has(block)) expect(sent.get(block)).toBe(blockBytes);
      }),
      { numRuns: 40 },
    );
  });

  it('takes back by number what was asked for, and nothing else', () => {
    const supply = supplyOf();
    for (let id = 0; id < 100; id++) supply.request(BigInt(id), 100 * id, 100);
    supply.cancel([3n, 5n, 1000n]);
    supply.cancel([]);
    expect(supply.outstandingRanges).toBe(98);
    readAhead(supply);
    const offsets: number[] = [];
    for (let piece = supply.take(100); piece !== undefined; piece = supply.take(100)) offsets.push(piece.offset);
    expect(offsets).toEqual(Array.from({ length: 100 }, (_, id) => 100 * id).filter((at) => at !== 300 && at !== 500));
  });

  it('keeps all contents of a session together within its share of what is read ahead, and none goes without', () => {
    const ledger = new MemoryLedger({ readAheadBytes: 2_000_000 });
    const account = ledger.open(() => undefined);
    const supplies = Array.from({ length: 200 }, () => new RangeSupply({ size: SIZE, baseOffset: 0, account }));
    for (const supply of supplies) {
      supply.request(0n, 0, SIZE);
      readAhead(supply);
    }
    expect(ledger.use.readAheadBytes).toBeLessThanOrEqual(2 * 2_000_000 + 16_384);
    expect(ledger.use.readAheadBytes).toBe(supplies.reduce((bytes, { readyBytes }) => bytes + readyBytes, 0));
    // What is sent makes room for the others.
    for (const supply of supplies) {
      while (supply.take(100_000) !== undefined) expect(account.reading.bytes).toBeGreaterThanOrEqual(0);
    }
    for (const supply of supplies.slice(150)) {
      expect(supply.waitsForRoom).toBe(true);
      expect(readAhead(supply)).toBeGreaterThan(0);
    }
    for (const supply of supplies) supply.clear();
    expect(ledger.use.readAheadBytes).toBe(0);
  });

  it('charges a read while it is under way, and not after it failed or is not wanted any more', () => {
    const ledger = new MemoryLedger();
    const supply = new RangeSupply({ size: SIZE, baseOffset: 0, account: ledger.open(() => undefined) });
    supply.request(1n, 0, 1000);
    expect(supply.nextRead()).toEqual({ offset: 0, length: 1000 });
    expect(ledger.use.readAheadBytes).toBe(1000);
    supply.failed();
    expect(ledger.use.readAheadBytes).toBe(0);
    expect(supply.nextRead()).toEqual({ offset: 0, length: 1000 });
    supply.cancel([1n]);
    supply.supply(patternBytes(1000));
    expect(ledger.use.readAheadBytes).toBe(0);
  });
});
