import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { patternBytes, TestRandom } from '../../test-support/random.js';
import { FREE_OVERHEAD_BYTES, MemoryLedger, PIECE_OVERHEAD_BYTES } from '../costs/memory-ledger.js';
import { Reassembler } from './reassembler.js';

const ORIGINS = 3;

/** Ranges that cover [0, size), some of them more than once, in any order. */
function pieces(random: TestRandom, size: number, longest: number): { start: number; end: number; origin: number }[] {
  const all: { start: number; end: number; origin: number }[] = [];
  for (let start = 0; start < size; ) {
    const end = Math.min(size, start + 1 + random.below(longest));
    all.push({ start, end, origin: random.below(ORIGINS) });
    start = end;
  }
  for (let extra = random.below(all.length + 1); extra > 0; extra--) {
    const start = random.below(size);
    all.push({ start, end: Math.min(size, start + random.below(3 * longest)), origin: random.below(ORIGINS) });
  }
  return random.shuffle(all);
}

describe('Reassembler', () => {
  it.each([8, 700, 5000])(
    'puts pieces of up to %i bytes together, whatever their order, overlaps and origins',
    (longest) => {
      fc.assert(
        fc.property(fc.integer(), fc.boolean(), (seed, readWhile) => {
          const random = new TestRandom(seed);
          const size = 1 + random.below(15 * longest);
          const original = patternBytes(size);
          const reassembler = new Reassembler();
          const read: Uint8Array[] = [];
          const credit = new Map<number, number>();
          const insertedBy = new Map<number, number>();
          const readSome = (): void => {
            const chunk = reassembler.read(1 + random.below(longest));
            if (chunk === undefined) return;
            read.push(new Uint8Array(chunk.data));
            credit.set(chunk.origin, (credit.get(chunk.origin) ?? 0) + chunk.data.length);
          };
          let fresh = 0;
          for (const { start, end, origin } of pieces(random, size, longest)) {
            const result = reassembler.insert(start, original.subarray(start, end), origin);
            expect(result.fresh + result.duplicate).toBe(end - start);
            fresh += result.fresh;
            insertedBy.set(origin, (insertedBy.get(origin) ?? 0) + result.fresh);
            expect(reassembler.bufferedBytes).toBe(fresh - reassembler.readOffset);
            if (readWhile && random.below(3) === 0) readSome();
          }
          expect(fresh).toBe(size);
          expect(reassembler.readyEnd).toBe(size);
          expect(reassembler.gappedSegments).toBe(0);
          while (reassembler.readableBytes > 0) readSome();
          expect(Buffer.concat(read).equals(original)).toBe(true);
          expect(Object.fromEntries(credit)).toEqual(
            Object.fromEntries([...insertedBy].filter(([, bytes]) => bytes > 0)),
          );
          expect(reassembler.bufferedBytes).toBe(0);
          expect(reassembler.read()).toBeUndefined();
        }),
        { numRuns: 100 },
      );
    },
  );

  it('keeps what came first where pieces disagree, and says whose it is', () => {
    const reassembler = new Reassembler();
    reassembler.insert(4, Uint8Array.of(4, 5, 6, 7), 1);
    expect(reassembler.insert(0, new Uint8Array(10).fill(99), 2)).toEqual({
      fresh: 6,
      duplicate: 4,
      conflict: 1,
    });
    const bytes: number[] = [];
    for (let chunk = reassembler.read(); chunk !== undefined; chunk = reassembler.read()) bytes.push(...chunk.data);
    expect(bytes).toEqual([99, 99, 99, 99, 4, 5, 6, 7, 99, 99]);
  });

  it('gives back, when cleared, what each path had brought and nobody read', () => {
    const reassembler = new Reassembler(100);
    reassembler.insert(100, patternBytes(10), 1);
    reassembler.insert(120, patternBytes(7), 2);
    reassembler.read(4);
    expect(reassembler.clear()).toEqual(
      new Map([
        [1, 6],
        [2, 7],
      ]),
    );
    expect(reassembler.bufferedBytes).toBe(0);
    expect(reassembler.readOffset).toBe(110);
    expect(reassembler.insert(100, patternBytes(10), 1)).toEqual({ fresh: 0, duplicate: 10 });
  });

  it('charges what it holds, pieces included, and gives all of it back', () => {
    fc.assert(
      fc.property(fc.integer(), fc.constantFrom(3, 700, 5000), (seed, longest) => {
        const random = new TestRandom(seed);
        const account = new MemoryLedger().open(() => undefined);
        const reassembler = new Reassembler(0, account);
        for (const { start, end, origin } of pieces(random, 1 + random.below(15 * longest), longest)) {
          reassembler.insert(start, new Uint8Array(end - start), origin);
          if (random.below(3) === 0) reassembler.read(1 + random.below(longest));
          expect(account.heldBytes).toBe(reassembler.bufferedBytes);
          expect(account.overheadBytes).toBe(reassembler.overheadBytes);
          expect(account.overheadBytes).toBeGreaterThanOrEqual(PIECE_OVERHEAD_BYTES * reassembler.gappedSegments);
        }
        if (random.below(2) === 0) reassembler.clear();
        else while (reassembler.read() !== undefined);
        expect([account.heldBytes, account.overheadBytes]).toEqual([0, 0]);
      }),
      { numRuns: 100 },
    );
  });

  it('refuses pieces of one byte with holes before they cost what the session may spend on them', () => {
    const reassembler = new Reassembler();
    const one = Uint8Array.of(1);
    const most = (1.01 * FREE_OVERHEAD_BYTES) / PIECE_OVERHEAD_BYTES;
    expect(() => {
      for (let index = 1; index < 2 * most; index++) reassembler.insert(2 * index, one, 0);
    }).toThrow(expect.objectContaining({ code: 'ERR_KWIK_EXCESSIVE_LOAD', scope: 'peer' }));
    expect(reassembler.gappedSegments).toBeLessThan(most);
  });

  it.each([
    ['pieces of 1 kB', 1024],
    ['pieces of 16 kB', 16_384],
  ])('takes what eight paths of 16 MB each bring out of order, in %s', (_name, length) => {
    const paths = 8;
    const perPath = 16 * 1024 * 1024;
    const reassembler = new Reassembler();
    const piece = new Uint8Array(length);
    // Every eighth piece goes over the same path, and the first path is the slowest.
    for (let path = paths - 1; path >= 0; path--) {
      for (let index = 0; index < perPath / length; index++) {
        reassembler.insert((index * paths + path) * length, piece, path);
      }
    }
    expect(reassembler.readableBytes).toBe(paths * perPath);
  });

  it('holds pieces of a few bytes that two paths bring in turn without an object for each, and tells them apart', () => {
    const reassembler = new Reassembler();
    for (let offset = 0; offset < 50_000; offset++) reassembler.insert(offset, Uint8Array.of(offset), offset % 2);
    expect(reassembler.overheadBytes).toBeLessThan(50_000 * 32);
    expect(reassembler.insert(30_001, Uint8Array.of(0), 5).conflict).toBe(1);
    expect(reassembler.insert(30_002, Uint8Array.of(0), 5).conflict).toBe(0);
    // One comparison: fifty thousand of jest's take longer than all else here.
    const read = Array.from({ length: 50_000 }, () => reassembler.read()!).map(({ origin, data }) => [origin, ...data]);
    expect(
      read.findIndex(([origin, byte, ...more], at) => origin !== at % 2 || byte !== (at & 0xff) || more.length > 0),
    ).toBe(-1);
  });

  it.each([
    ['in order', 0],
    ['behind a gap', 1],
  ])('does not hold an object for each byte of a peer that sends single bytes, %s', (_name, start) => {
    const reassembler = new Reassembler();
    for (let offset = start; offset < 100_000; offset++) reassembler.insert(offset, Uint8Array.of(offset), 0);
    if (start === 1) {
      expect(reassembler.gappedSegments).toBeLessThan(100);
      reassembler.insert(0, Uint8Array.of(0), 0);
    }
    const chunks: Uint8Array[] = [];
    for (let chunk = reassembler.read(); chunk !== undefined; chunk = reassembler.read()) chunks.push(chunk.data);
    expect(Buffer.concat(chunks).equals(Uint8Array.from({ length: 100_000 }, (_, offset) => offset))).toBe(true);
    expect(chunks.length).toBeLessThan(100);
  });

  it('lets go of what one path alone brought behind gaps, and of nothing else; its account follows', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = new TestRandom(seed);
        const original = patternBytes(4000);
        const ledger = new MemoryLedger();
        const reassembler = new Reassembler(
          0,
          ledger.open(() => undefined),
        );
        const all = pieces(random, 4000, 900).slice(random.below(4));
        for (const { start, end, origin } of all) reassembler.insert(start, original.subarray(start, end), origin);
        const { readyEnd } = reassembler;
        const before = new Map<number, number>();
        reassembler.countWaste(before);
        const dropped = reassembler.dropGapped(0);
        const after = new Map<number, number>();
        reassembler.countWaste(after);
        expect([dropped, after.get(0), after.get(1), after.get(2)]).toEqual([
          before.has(0),
          undefined,
          before.get(1),
          before.get(2),
        ]);
        expect(reassembler.readyEnd).toBe(readyEnd);
        expect(ledger.use).toMatchObject({
          heldBytes: reassembler.bufferedBytes,
          overheadBytes: reassembler.overheadBytes,
        });
        // What comes again of it is new, and everything can be read.
        for (const { start, end } of pieces(random, 4000, 900)) {
          reassembler.insert(start, original.subarray(start, end), 3);
        }
        const chunks: Uint8Array[] = [];
        for (let chunk = reassembler.read(); chunk !== undefined; chunk = reassembler.read()) chunks.push(chunk.data);
        expect(Buffer.concat(chunks).equals(original)).toBe(true);
      }),
    );
  });
});
