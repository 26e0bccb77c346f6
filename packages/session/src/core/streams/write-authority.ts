import { KwikError, type PathId } from '@kwik/wire';
import type { MemoryAccount } from '../costs/memory-ledger.js';
import { RangeSet, type OffsetRange } from '../range-set.js';

/**
 * Grants and contents of one stream that lie ahead of its reader: two servers that write 1 kB in turns fill a window of
 * 16 MB with half of them. The last message that fits may split some of those that are there.
 */
export const MAX_AUTHORITIES_PER_STREAM = 16_384;
/** And of all streams of a session together. */
export const MAX_AUTHORITIES_PER_SESSION = 65_536;
/** Grants of one stream that were taken away: each late frame is held against them. */
export const MAX_TAKEN_PER_STREAM = 1024;
/** An object of three numbers and its place in a list. */
const AUTHORITY_BYTES = 100;

/** How many grants and contents the streams of a session hold together; charged to the session's account. */
export class AuthorityBudget {
  readonly #account: MemoryAccount | undefined;
  #held = 0;

  constructor(account?: MemoryAccount) {
    this.#account = account;
  }

  get held(): number {
    return this.#held;
  }

  change(count: number): void {
    this.#held += count;
    this.#account?.hold(0, count * AUTHORITY_BYTES);
  }
}

interface Grant extends OffsetRange {
  readonly pathId: PathId;
}

const NOTHING: readonly OffsetRange[] = [];

/**
 * At the client: who may write which bytes of one stream. The primary may write all of them, except what it announced as
 * content, which comes as verified ranges only, and what it granted to a secondary, which that one writes alone. So each
 * byte has one authorised writer, and it is known before the byte comes.
 */
export class WriteAuthority {
  readonly #budget: AuthorityBudget;
  readonly #content = new RangeSet();
  /** Sorted and disjoint. */
  #grants: Grant[] = [];
  /** What was granted and then taken away: what its former writer had sent before is late, not wrong. */
  #taken: Grant[] = [];
  /** Whoever was granted some of this stream at some time. */
  readonly #writers = new Set<PathId>();
  #counted = 0;

  constructor(budget: AuthorityBudget) {
    this.#budget = budget;
  }

  /** Grants, what is left of those that were taken away, and contents. */
  get size(): number {
    return this.#grants.length + this.#taken.length + this.#content.rangeCount;
  }

  /**
   * The server of the path writes these bytes from now on; whoever was granted some of them before does not any more.
   * All of them or, with an error for the primary, none.
   */
  grant(pathId: PathId, ranges: readonly OffsetRange[], readOffset: number): void {
    this.#forgetBelow(readOffset);
    const ahead = ranges.map(({ start, end }) => ({ start: Math.max(start, readOffset), end }));
    for (const { start, end } of ahead) {
      if (!this.#content.overlaps(start, end)) continue;
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `bytes ${start} to ${end} overlap content that was announced`);
    }
    this.#requireRoom(ranges.length);
    this.#writers.add(pathId);
    for (const { start, end } of ahead) if (start < end) this.#give({ start, end, pathId });
    this.#count();
  }

  /** Content is coming, in ranges that are verified. Throws when somebody was granted some of these bytes. */
  announceContent(from: number, end: number, readOffset: number): void {
    this.#forgetBelow(readOffset);
    const start = Math.max(from, readOffset);
    this.#requireRoom(1);
    const granted = [...this.#grants, ...this.#taken].find((grant) => overlap(grant, start, end));
    if (granted !== undefined || this.#content.overlaps(start, end)) {
      const what = granted === undefined ? 'content' : `a grant to path ${granted.pathId}`;
      throw new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', `content from ${from} to ${end} overlaps ${what}`);
    }
    this.#content.add(start, end);
    this.#count();
  }

  /** Whether the server of the path was granted bytes of this stream at some time. */
  knows(pathId: PathId): boolean {
    return this.#writers.has(pathId);
  }

  /** Throws when the primary writes where it said that others do. */
  requirePrimary(start: number, end: number): void {
    const first = this.#grants[this.#firstEndingAfter(start)];
    const granted = first !== undefined && overlap(first, start, end);
    if (!granted && !this.#content.overlaps(start, end)) return;
    const what = granted ? `that were granted to path ${first.pathId}` : 'of announced content as plain stream data';
    throw new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', `the primary writes bytes ${start} to ${end} ${what}`);
  }

  /** Throws when the primary ends the stream before bytes that it granted to others. */
  requireEnd(end: number): void {
    const last = this.#grants.at(-1);
    if (last === undefined || last.end <= end) return;
    throw new KwikError(
      'ERR_KWIK_PROTOCOL_VIOLATION',
      `the primary ends a stream at ${end}, and granted bytes up to ${last.end} to path ${last.pathId}`,
    );
  }

  /**
   * Which bytes of a frame the server of the path may write. Those that were taken from it, or that are read already, are
   * left out; with any others it breaks the rules.
   */
  contributed(pathId: PathId, start: number, end: number, readOffset: number): readonly OffsetRange[] {
    if (end <= readOffset) return NOTHING;
    const from = Math.max(start, readOffset);
    const index = this.#firstEndingAfter(from);
    const first = this.#grants[index];
    if (first?.pathId === pathId && first.start <= from && end <= first.end) return [{ start: from, end }];
    const mine: OffsetRange[] = [];
    const known = new RangeSet();
    for (let at = index; at < this.#grants.length && this.#grants[at]!.start < end; at++) {
      const grant = this.#grants[at]!;
      if (grant.pathId === pathId) mine.push({ start: Math.max(grant.start, from), end: Math.min(grant.end, end) });
    }
    for (const range of mine) known.add(range.start, range.end);
    for (const grant of this.#taken) if (grant.pathId === pathId) known.add(grant.start, grant.end);
    if (known.covers(from, end)) return mine;
    throw new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', `bytes ${start} to ${end} were not granted to path ${pathId}`);
  }

  /** The stream is over. */
  release(): void {
    this.#grants = [];
    this.#taken = [];
    this.#writers.clear();
    this.#content.remove(0, Number.MAX_SAFE_INTEGER);
    this.#count();
  }

  #give(granted: Grant): void {
    const { start, end, pathId } = granted;
    const from = this.#firstEndingAfter(start);
    let to = from;
    const pieces: Grant[] = [];
    let joined = granted;
    for (; to < this.#grants.length && this.#grants[to]!.start < end; to++) {
      const old = this.#grants[to]!;
      if (old.pathId === pathId) {
        joined = { start: Math.min(joined.start, old.start), end: Math.max(joined.end, old.end), pathId };
        continue;
      }
      if (old.start < start) pieces.push({ ...old, end: start });
      if (old.end > end) pieces.push({ ...old, start: end });
      this.#taken.push({ start: Math.max(old.start, start), end: Math.min(old.end, end), pathId: old.pathId });
    }
    const before = pieces.filter((piece) => piece.end <= start);
    const behind = pieces.filter((piece) => piece.start >= end);
    this.#grants.splice(from, to - from, ...before, joined, ...behind);
    this.#joinAround(from + before.length);
  }

  /** Neighbours of one path become one. */
  #joinAround(index: number): void {
    for (const at of [index, index - 1]) {
      const [left, right] = [this.#grants[at], this.#grants[at + 1]];
      if (left === undefined || left.pathId !== right?.pathId || left.end !== right.start) continue;
      this.#grants.splice(at, 2, { ...left, end: right.end });
    }
  }

  /** What the reader has passed needs no writer any more. */
  #forgetBelow(readOffset: number): void {
    const ahead = ({ end }: OffsetRange): boolean => end > readOffset;
    this.#grants = this.#grants.filter(ahead);
    this.#taken = this.#taken.filter(ahead);
    this.#content.remove(0, readOffset);
    this.#count();
  }

  #requireRoom(more: number): void {
    const session = this.#budget.held + more > MAX_AUTHORITIES_PER_SESSION;
    const taken = this.#taken.length >= MAX_TAKEN_PER_STREAM;
    if (!session && !taken && this.size + more <= MAX_AUTHORITIES_PER_STREAM) return;
    throw new KwikError(
      'ERR_KWIK_LIMIT_EXCEEDED',
      `the client keeps as many grants and contents that are not read yet as it does for one ` +
        `${session ? 'session' : 'stream'}; grant fewer and larger ranges, or wait for the reader`,
      { scope: 'peer' },
    );
  }

  #count(): void {
    const more = this.size - this.#counted;
    if (more === 0) return;
    this.#counted = this.size;
    this.#budget.change(more);
  }

  /** Index of the first grant that ends behind `offset`. */
  #firstEndingAfter(offset: number): number {
    let low = 0;
    let high = this.#grants.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#grants[middle]!.end <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function overlap(range: OffsetRange, start: number, end: number): boolean {
  return start < end && range.start < end && range.end > start;
}
