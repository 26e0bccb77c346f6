import { KwikError } from '@kwik/wire';
import { join, keep, type OwnBytes } from './small-bytes.js';

/** Bytes of a stream in order, and the path that brought them (for returning credit). */
export interface ReadChunk {
  readonly data: Uint8Array;
  readonly origin: number;
}

interface Segment extends OwnBytes {
  start: number;
  readonly origin: number;
}

/**
 * Pieces behind a gap that are kept at the most, per stream. Two servers that write alternating chunks of 256 bytes
 * into a window of 16 MB stay below it; a sender of one-byte pieces would cost some 200 bytes each.
 */
export const MAX_GAPPED_SEGMENTS = 65_536;

export interface InsertResult {
  /** Bytes that were not there before. */
  readonly fresh: number;
  /** Bytes that were there already, and were dropped. */
  readonly duplicate: number;
  /** Path that brought other bytes for the same offsets before; they stay. Only what is still here can be compared. */
  readonly conflict?: number | undefined;
}

/**
 * Puts pieces that come in any order, from any path, into one byte stream. Pieces are kept as views, but small ones. What
 * is there first stays; what comes again is dropped. Pieces of a few bytes are joined, so that memory follows bytes.
 */
export class Reassembler {
  /** In order from `#readOffset` on, without gaps. */
  readonly #ready: Segment[] = [];
  #readyHead = 0;
  /** Sorted by start, disjoint, all behind `#readyEnd`. */
  readonly #gapped: Segment[] = [];
  #readOffset: number;
  #readyEnd: number;
  #bufferedBytes = 0;

  constructor(startOffset = 0) {
    this.#readOffset = startOffset;
    this.#readyEnd = startOffset;
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
    return this.#gapped.length;
  }

  insert(offset: number, data: Uint8Array, origin: number): InsertResult {
    let start = offset;
    let piece = data;
    if (start < this.#readyEnd) {
      const known = Math.min(this.#readyEnd - start, piece.length);
      piece = piece.subarray(known);
      start += known;
    }
    const conflict =
      piece.length < data.length ? this.#conflictIn(this.#ready, this.#readyHead, offset, data) : undefined;
    if (piece.length === 0) return { fresh: 0, duplicate: data.length, conflict };
    const ahead = this.#gapped.length === 0 ? undefined : this.#conflictIn(this.#gapped, 0, start, piece);
    const fresh =
      start === this.#readyEnd && this.#gapped.length === 0
        ? this.#append(start, piece, origin)
        : this.#insertGapped(start, piece, origin);
    this.#bufferedBytes += fresh;
    return { fresh, duplicate: data.length - fresh, conflict: conflict ?? ahead };
  }

  /** The next bytes in order, at most `maxBytes`; undefined when there are none yet. */
  read(maxBytes = Number.POSITIVE_INFINITY): ReadChunk | undefined {
    const segment = this.#ready[this.#readyHead];
    if (segment === undefined) return undefined;
    let data = segment.data;
    if (data.length > maxBytes) {
      data = data.subarray(0, maxBytes);
      segment.data = segment.data.subarray(maxBytes);
      segment.start += maxBytes;
    } else {
      this.#dropReadyHead();
    }
    this.#readOffset += data.length;
    this.#bufferedBytes -= data.length;
    return { data, origin: segment.origin };
  }

  /** Forgets everything that is buffered; returns how much each path had brought. */
  clear(): Map<number, number> {
    const byOrigin = new Map<number, number>();
    for (const segment of [...this.#ready.slice(this.#readyHead), ...this.#gapped]) {
      byOrigin.set(segment.origin, (byOrigin.get(segment.origin) ?? 0) + segment.data.length);
    }
    this.#ready.length = 0;
    this.#readyHead = 0;
    this.#gapped.length = 0;
    this.#readOffset = this.#readyEnd;
    this.#bufferedBytes = 0;
    return byOrigin;
  }

  /** The origin of a segment that overlaps `data` and differs. */
  #conflictIn(segments: readonly Segment[], from: number, offset: number, data: Uint8Array): number | undefined {
    const end = offset + data.length;
    for (let index = firstEndingAfter(segments, from, offset); index < segments.length; index++) {
      const { start, data: known, origin } = segments[index]!;
      if (start >= end) return undefined;
      const first = Math.max(start, offset);
      const last = Math.min(start + known.length, end);
      const same = Buffer.compare(
        known.subarray(first - start, last - start),
        data.subarray(first - offset, last - offset),
      );
      if (same !== 0) return origin;
    }
    return undefined;
  }

  #append(start: number, data: Uint8Array, origin: number): number {
    const last = this.#ready.at(-1);
    if (last?.origin !== origin || !join(last, data)) {
      this.#ready.push({ start, origin, ...keep(data) });
    }
    this.#readyEnd += data.length;
    return data.length;
  }

  #insertGapped(offset: number, data: Uint8Array, origin: number): number {
    let fresh = 0;
    let start = offset;
    const end = offset + data.length;
    let index = firstEndingAfter(this.#gapped, 0, start);
    while (start < end) {
      const next = this.#gapped[index];
      const gapEnd = next === undefined ? end : Math.min(end, next.start);
      if (gapEnd > start) {
        const piece = data.subarray(start - offset, gapEnd - offset);
        const before = this.#gapped[index - 1];
        const joins = before?.origin === origin && before.start + before.data.length === start && join(before, piece);
        if (!joins) this.#gapped.splice(index++, 0, { start, origin, ...keep(piece) });
        fresh += piece.length;
      }
      if (next === undefined) break;
      start = Math.max(gapEnd, next.start + next.data.length);
      index++;
    }
    this.#promote();
    if (this.#gapped.length > MAX_GAPPED_SEGMENTS) {
      throw new KwikError(
        'ERR_KWIK_LIMIT_EXCEEDED',
        `more than ${MAX_GAPPED_SEGMENTS} separate pieces of one stream wait for a gap to close; send larger pieces`,
        { scope: 'peer' },
      );
    }
    return fresh;
  }

  /** Moves what has become contiguous from the gapped pieces to the ready ones. */
  #promote(): void {
    let count = 0;
    for (const segment of this.#gapped) {
      if (segment.start !== this.#readyEnd) break;
      this.#ready.push(segment);
      this.#readyEnd += segment.data.length;
      count++;
    }
    if (count > 0) this.#gapped.splice(0, count);
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

/** Index of the first of the sorted, disjoint segments from `from` on that ends behind `offset`. */
function firstEndingAfter(segments: readonly Segment[], from: number, offset: number): number {
  let low = from;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const segment = segments[middle]!;
    if (segment.start + segment.data.length <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
