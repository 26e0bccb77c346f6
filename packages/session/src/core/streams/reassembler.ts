import { ownAccount, PIECE_OVERHEAD_BYTES, RUN_OVERHEAD_BYTES, type MemoryAccount } from '../costs/memory-ledger.js';
import {
  conflictWith,
  countOrigins,
  dropFirst,
  extend,
  firstRunBytes,
  runCount,
  segmentOf,
  type Segment,
} from './segment.js';
import { endOf, firstWhere, SegmentList } from './segment-list.js';
import { keep, keepForLong } from './small-bytes.js';

/** Bytes of a stream in order, and the path that brought them (for returning credit). */
export interface ReadChunk {
  readonly data: Uint8Array;
  readonly origin: number;
}

export interface InsertResult {
  /** Bytes that were not there before. */
  readonly fresh: number;
  /** Bytes that were there already, and were dropped. */
  readonly duplicate: number;
  /** Path that brought other bytes for the same offsets before; they stay. Only what is still here can be compared. */
  readonly conflict?: number | undefined;
}

/**
 * Puts pieces that come in any order, from any path, into one byte stream. Pieces are kept as views, but small ones, and
 * those behind a gap, which may wait for long. What is there first stays; what comes again is dropped. Pieces of a few
 * bytes are joined, so that memory follows bytes. What it holds is charged to the session's account, the pieces with it.
 */
export class Reassembler {
  readonly #account: MemoryAccount;
  /** In order from `#readOffset` on, without gaps. */
  readonly #ready: Segment[] = [];
  #readyHead = 0;
  /** All behind `#readyEnd`. */
  readonly #gapped = new SegmentList<Segment>();
  #readOffset: number;
  #readyEnd: number;
  #bufferedBytes = 0;
  /** Changes of origin within segments. */
  #runs = 0;
  #chargedBytes = 0;
  #chargedOverhead = 0;

  constructor(startOffset = 0, account: MemoryAccount = ownAccount()) {
    this.#readOffset = startOffset;
    this.#readyEnd = startOffset;
    this.#account = account;
  }

  /** Offset of the next byte that `read` gives. */
  get readOffset(): number {
    return this.#readOffset;
  }

  /** Offset behind the last byte that can be read without a gap. */
  get readyEnd(): number {
    return this.#readyEnd;
  }

  get readableBytes(): number {
    return this.#readyEnd - this.#readOffset;
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  get gappedSegments(): number {
    return this.#gapped.size;
  }

  /** What the pieces cost beside their bytes. */
  get overheadBytes(): number {
    const pieces = this.#ready.length - this.#readyHead + this.#gapped.size;
    return pieces * PIECE_OVERHEAD_BYTES + this.#runs * RUN_OVERHEAD_BYTES;
  }

  /** Throws as the account does when it does not bear it: the session has to end. */
  insert(offset: number, data: Uint8Array, origin: number): InsertResult {
    let start = offset;
    let piece = data;
    if (start < this.#readyEnd) {
      const known = Math.min(this.#readyEnd - start, piece.length);
      piece = piece.subarray(known);
      start += known;
    }
    const conflict = piece.length < data.length ? this.#conflictInReady(offset, data) : undefined;
    if (piece.length === 0) return { fresh: 0, duplicate: data.length, conflict };
    const ahead = this.#gapped.size === 0 ? undefined : this.#conflictInGapped(start, piece);
    const fresh =
      start === this.#readyEnd && this.#gapped.size === 0
        ? this.#append(start, piece, origin)
        : this.#insertGapped(start, piece, origin);
    this.#bufferedBytes += fresh;
    this.#charge();
    return { fresh, duplicate: data.length - fresh, conflict: conflict ?? ahead };
  }

  /** The next bytes in order that one path brought, at most `maxBytes`; undefined when there are none yet. */
  read(maxBytes = Number.POSITIVE_INFINITY): ReadChunk | undefined {
    const segment = this.#ready[this.#readyHead];
    if (segment === undefined) return undefined;
    const { origin } = segment;
    const bytes = Math.min(firstRunBytes(segment), maxBytes);
    const data = bytes === segment.data.length ? segment.data : segment.data.subarray(0, bytes);
    const runs = runCount(segment);
    if (data === segment.data) {
      this.#runs -= runs;
      this.#dropReadyHead();
    } else {
      dropFirst(segment, bytes);
      this.#runs -= runs - runCount(segment);
    }
    this.#readOffset += data.length;
    this.#bufferedBytes -= data.length;
    this.#charge();
    return { data, origin };
  }

  /** Forgets everything that is buffered; returns how much each path had brought. */
  clear(): Map<number, number> {
    const byOrigin = new Map<number, number>();
    for (let index = this.#readyHead; index < this.#ready.length; index++) countOrigins(this.#ready[index]!, byOrigin);
    for (const segment of this.#gapped) countOrigins(segment, byOrigin);
    this.#ready.length = 0;
    this.#readyHead = 0;
    this.#gapped.clear();
    this.#runs = 0;
    this.#readOffset = this.#readyEnd;
    this.#bufferedBytes = 0;
    this.#charge();
    return byOrigin;
  }

  /**
   * Adds up by path what pieces behind a gap cost beyond their own bytes, where one path alone brought the piece. Bytes that
   * can be read explain themselves: they are joined.
   */
  countWaste(byOrigin: Map<number, number>): void {
    for (const { origin, data, runs } of this.#gapped) {
      if (runs !== undefined) continue;
      byOrigin.set(origin, (byOrigin.get(origin) ?? 0) + PIECE_OVERHEAD_BYTES - data.length);
    }
  }

  /** Lets go of the pieces that `countWaste` counts for this path; false when there are none. They do not come again. */
  dropGapped(origin: number): boolean {
    let bytes = 0;
    const dropped = this.#gapped.removeWhere((segment) => {
      const mine = segment.runs === undefined && segment.origin === origin;
      if (mine) bytes += segment.data.length;
      return mine;
    });
    this.#bufferedBytes -= bytes;
    this.#charge();
    return dropped > 0;
  }

  #charge(): void {
    const bytes = this.#bufferedBytes - this.#chargedBytes;
    const overhead = this.overheadBytes - this.#chargedOverhead;
    this.#chargedBytes += bytes;
    this.#chargedOverhead += overhead;
    this.#account.hold(bytes, overhead);
  }

  #conflictInReady(offset: number, data: Uint8Array): number | undefined {
    const end = offset + data.length;
    const head = this.#readyHead;
    const first = firstWhere(this.#ready.length - head, (index) => endOf(this.#ready[head + index]!) > offset);
    for (let index = head + first; index < this.#ready.length; index++) {
      const segment = this.#ready[index]!;
      if (segment.start >= end) return undefined;
      const origin = conflictWith(segment, offset, data);
      if (origin !== undefined) return origin;
    }
    return undefined;
  }

  #conflictInGapped(offset: number, data: Uint8Array): number | undefined {
    const end = offset + data.length;
    const place = this.#gapped.seek(offset);
    for (let segment = this.#gapped.at(place); segment !== undefined; segment = this.#gapped.at(place)) {
      if (segment.start >= end) return undefined;
      const origin = conflictWith(segment, offset, data);
      if (origin !== undefined) return origin;
      this.#gapped.advance(place);
    }
    return undefined;
  }

  #append(start: number, data: Uint8Array, origin: number): number {
    const last = this.#ready.at(-1);
    if (last === undefined || !this.#extend(last, data, origin)) this.#ready.push(segmentOf(start, origin, keep(data)));
    this.#readyEnd += data.length;
    return data.length;
  }

  #insertGapped(offset: number, data: Uint8Array, origin: number): number {
    let fresh = 0;
    let start = offset;
    const end = offset + data.length;
    const place = this.#gapped.seek(start);
    while (start < end) {
      const next = this.#gapped.at(place);
      const gapEnd = next === undefined ? end : Math.min(end, next.start);
      if (gapEnd > start) {
        const piece = data.subarray(start - offset, gapEnd - offset);
        const before = this.#gapped.before(place);
        const joins = before !== undefined && endOf(before) === start && this.#extend(before, piece, origin);
        if (!joins) this.#gapped.insert(place, segmentOf(start, origin, keepForLong(piece)));
        fresh += piece.length;
      }
      if (next === undefined) break;
      start = Math.max(gapEnd, endOf(next));
      this.#gapped.advance(place);
    }
    this.#promote();
    return fresh;
  }

  #extend(segment: Segment, piece: Uint8Array, origin: number): boolean {
    const before = runCount(segment);
    if (!extend(segment, piece, origin)) return false;
    this.#runs += runCount(segment) - before;
    return true;
  }

  /** Moves what has become contiguous from the gapped pieces to the ready ones. */
  #promote(): void {
    for (let segment = this.#gapped.first(); segment?.start === this.#readyEnd; segment = this.#gapped.first()) {
      this.#gapped.shift();
      this.#readyEnd += segment.data.length;
      const last = this.#ready.at(-1);
      const joins =
        segment.runs === undefined && last !== undefined && this.#extend(last, segment.data, segment.origin);
      if (!joins) this.#ready.push(segment);
    }
  }

  /** Amortised constant: the array is compacted when half of it is read. */
  #dropReadyHead(): void {
    this.#readyHead++;
    if (this.#readyHead === this.#ready.length) {
      this.#ready.length = 0;
      this.#readyHead = 0;
    } else if (this.#readyHead > 64 && this.#readyHead * 2 > this.#ready.length) {
      this.#ready.splice(0, this.#readyHead);
      this.#readyHead = 0;
    }
  }
}
