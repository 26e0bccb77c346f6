import { describe, expect, it } from '@jest/globals';
import { toPathId } from '@kwik/wire';
import fc from 'fast-check';
import { MemoryLedger } from '../costs/memory-ledger.js';
import type { OffsetRange } from '../range-set.js';
import {
  AuthorityBudget,
  MAX_AUTHORITIES_PER_SESSION,
  MAX_AUTHORITIES_PER_STREAM,
  MAX_TAKEN_PER_STREAM,
  WriteAuthority,
} from './write-authority.js';

const SPAN = 40;
const CONTENT = 99;
const code = (name: string) => expect.objectContaining({ code: name });
const range = fc.tuple(fc.nat(SPAN), fc.integer({ min: 1, max: 12 })).map(([start, length]) => ({
  start,
  end: start + length,
}));
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('grant' as const), path: fc.integer({ min: 1, max: 3 }), range }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('content' as const), path: fc.constant(CONTENT), range }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('read' as const), path: fc.constant(0), range }) },
);

/** Byte by byte: who writes it, and who ever did. */
class Twin {
  readonly owner = new Map<number, number>();
  readonly ever = new Map<number, Set<number>>();

  own(path: number, { start, end }: OffsetRange): void {
    for (let at = start; at < end; at++) {
      this.owner.set(at, path);
      this.ever.set(at, (this.ever.get(at) ?? new Set()).add(path));
    }
  }

  some({ start, end }: OffsetRange, from: number, test: (at: number) => boolean): boolean {
    for (let at = Math.max(start, from); at < end; at++) if (test(at)) return true;
    return false;
  }
}

function throws(action: () => unknown): boolean {
  try {
    action();
    return false;
  } catch {
    return true;
  }
}

function offsets(ranges: readonly OffsetRange[]): number[] {
  return ranges.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, index) => start + index));
}

describe('WriteAuthority', () => {
  it('gives each byte the one writer that a byte for byte account gives it', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.array(range, { maxLength: 5 }), (steps, asked) => {
        const budget = new AuthorityBudget();
        const authority = new WriteAuthority(budget);
        const twin = new Twin();
        let read = 0;
        for (const { kind, path, range: bytes } of steps) {
          if (kind === 'read') {
            read = Math.max(read, bytes.start);
            continue;
          }
          const isContent = (at: number): boolean => twin.owner.get(at) === CONTENT;
          const bad =
            kind === 'grant' ? twin.some(bytes, read, isContent) : twin.some(bytes, read, (at) => twin.owner.has(at));
          const refused = throws(() =>
            kind === 'grant'
              ? authority.grant(toPathId(path), [bytes], read)
              : authority.announceContent(bytes.start, bytes.end, read),
          );
          expect(refused).toBe(bad);
          if (!bad) twin.own(path, bytes);
        }
        expect(budget.held).toBe(authority.size);
        for (const bytes of asked) {
          const ahead = twin.some(bytes, read, (at) => twin.owner.has(at));
          if (bytes.start >= read) {
            expect(throws(() => authority.requirePrimary(bytes.start, bytes.end))).toBe(ahead);
          }
          for (const path of [1, 2, 3]) {
            const never = twin.some(bytes, read, (at) => twin.ever.get(at)?.has(path) !== true);
            const admit = () => authority.contributed(toPathId(path), bytes.start, bytes.end, read);
            expect(throws(admit)).toBe(never);
            if (never) continue;
            const mine = offsets([bytes]).filter((at) => at >= read && twin.owner.get(at) === path);
            expect(offsets(admit())).toEqual(mine);
          }
        }
        authority.release();
        expect(budget.held).toBe(0);
      }),
      { numRuns: 1000 },
    );
  });

  it('keeps a grant that grows piece by piece as one', () => {
    const authority = new WriteAuthority(new AuthorityBudget());
    for (let at = 0; at < 10_000; at += 10) authority.grant(toPathId(1), [{ start: at, end: at + 10 }], 0);
    expect(authority.size).toBe(1);
    expect(authority.contributed(toPathId(1), 0, 10_000, 0)).toEqual([{ start: 0, end: 10_000 }]);
  });

  it('holds so many grants per stream, and forgets those that the reader has passed', () => {
    const authority = new WriteAuthority(new AuthorityBudget());
    const one = (index: number) => ({ start: 2 * index, end: 2 * index + 1 });
    let index = 0;
    expect(() => {
      for (; index < 2 * MAX_AUTHORITIES_PER_STREAM; index += 64) {
        const some = Array.from({ length: 64 }, (_, next) => one(index + next));
        authority.grant(toPathId(1), some, 0);
      }
    }).toThrow(code('ERR_KWIK_LIMIT_EXCEEDED'));
    expect(authority.size).toBeLessThanOrEqual(MAX_AUTHORITIES_PER_STREAM);
    expect(index).toBe(MAX_AUTHORITIES_PER_STREAM);
    authority.grant(toPathId(1), [one(index)], 2 * index - 10);
    expect(authority.size).toBeLessThan(10);
  });

  it('bounds what was taken away, against which each late frame is held', () => {
    const authority = new WriteAuthority(new AuthorityBudget());
    const bytes = [{ start: 0, end: 10 }];
    let times = 0;
    expect(() => {
      for (; times < 2 * MAX_TAKEN_PER_STREAM; times++) authority.grant(toPathId(1 + (times % 2)), bytes, 0);
    }).toThrow(code('ERR_KWIK_LIMIT_EXCEEDED'));
    expect(times).toBe(MAX_TAKEN_PER_STREAM + 1);
    authority.grant(toPathId(1), [{ start: 10, end: 20 }], 10);
  });

  it('holds so many per session, over all its streams, and none of what it refuses', () => {
    const budget = new AuthorityBudget();
    const ranges = Array.from({ length: 5000 }, (_, index) => ({ start: 2 * index, end: 2 * index + 1 }));
    const streams: WriteAuthority[] = [];
    expect(() => {
      for (let count = 0; count < 20; count++) {
        streams.push(new WriteAuthority(budget));
        streams.at(-1)!.grant(toPathId(1), ranges, 0);
      }
    }).toThrow(code('ERR_KWIK_LIMIT_EXCEEDED'));
    expect(budget.held).toBeLessThanOrEqual(MAX_AUTHORITIES_PER_SESSION);
    expect(streams.at(-1)!.size).toBe(0);
    streams[0]!.release();
    expect(() => streams.at(-1)!.grant(toPathId(1), ranges, 0)).not.toThrow();
  });

  it('charges them to the account of the session, and gives that back', () => {
    const account = new MemoryLedger().open(() => undefined);
    const authority = new WriteAuthority(new AuthorityBudget(account));
    for (let at = 0; at < 100; at += 2) authority.grant(toPathId(1), [{ start: at, end: at + 1 }], 0);
    expect(account.overheadBytes).toBe(50 * 100);
    authority.grant(toPathId(1), [], 50);
    expect(account.overheadBytes).toBe(25 * 100);
    authority.release();
    expect(account.overheadBytes).toBe(0);
  });

  it('refuses all of a grant, or nothing', () => {
    const authority = new WriteAuthority(new AuthorityBudget());
    authority.announceContent(100, 200, 0);
    const both = [
      { start: 0, end: 10 },
      { start: 150, end: 160 },
    ];
    expect(() => authority.grant(toPathId(1), both, 0)).toThrow(code('ERR_KWIK_INVALID_ARGUMENT'));
    expect(authority.knows(toPathId(1))).toBe(false);
  });
});
