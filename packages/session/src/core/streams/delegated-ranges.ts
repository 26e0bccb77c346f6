import { KwikError } from '@kwik/wire';
import { RangeSet, type OffsetRange } from '../range-set.js';

/** Skipped ranges that are remembered, so that they may be granted; of more, the lower half is forgotten. */
export const MAX_SKIPPED_RANGES = 16_384;

/** At the primary: which bytes of a stream it leaves to others, so that no byte is written by two. */
export class DelegatedRanges {
  readonly #skipped = new RangeSet();
  /** Granted, and not passed by the primary's own writing yet. */
  readonly #ahead = new RangeSet();

  /** The primary left these bytes out. */
  skip(start: number, end: number): void {
    this.#skipped.add(start, end);
    this.#ahead.remove(0, end);
    if (this.#skipped.rangeCount <= MAX_SKIPPED_RANGES) return;
    this.#skipped.remove(0, this.#skipped.ranges()[MAX_SKIPPED_RANGES >> 1]!.start);
  }

  /**
   * Others write these bytes. Throws when the primary wrote some of them; `writeOffset` is where it writes next. Returns
   * the ranges of which nothing was anybody's before.
   */
  delegate(ranges: readonly OffsetRange[], writeOffset: number): OffsetRange[] {
    for (const { start, end } of ranges) {
      if (this.#skipped.covers(start, Math.min(end, writeOffset))) continue;
      throw new KwikError(
        'ERR_KWIK_INVALID_ARGUMENT',
        `bytes ${start} to ${end} were written by this server in part, or skipped long ago; grant what was skipped or ` +
          `lies at ${writeOffset} and beyond`,
      );
    }
    const fresh = ranges.filter(({ start, end }) => !this.#ahead.overlaps(start, end));
    for (const { start, end } of ranges) this.#ahead.add(Math.max(start, writeOffset), end);
    return fresh;
  }

  /** The client refused: the primary may write them itself. */
  takeBack(ranges: readonly OffsetRange[]): void {
    for (const { start, end } of ranges) this.#ahead.remove(start, end);
  }

  /** Throws when the primary is about to write bytes that it granted to others. */
  requireOwn(start: number, end: number): void {
    if (!this.#ahead.overlaps(start, end)) return;
    throw new KwikError(
      'ERR_KWIK_INVALID_STATE',
      `some of the bytes ${start} to ${end} were granted to another server: skip them`,
    );
  }

  /** Throws when the primary is about to end the stream before bytes that it granted to others. */
  requireEnd(end: number): void {
    const last = this.#ahead.ranges().at(-1);
    if (last === undefined) return;
    throw new KwikError(
      'ERR_KWIK_INVALID_STATE',
      `the stream would end at ${end}, and bytes up to ${last.end} were granted to another server: skip them first`,
    );
  }
}
