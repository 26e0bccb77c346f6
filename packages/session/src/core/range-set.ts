/** A half-open range of offsets: `start` included, `end` not. */
export interface OffsetRange {
  readonly start: number;
  readonly end: number;
}

/** A set of offsets, kept as sorted, disjoint, non-adjacent ranges. */
export class RangeSet {
  readonly #ranges: { start: number; end: number }[] = [];
  #size = 0;

  /** How many offsets are in the set. */
  get size(): number {
    return this.#size;
  }

  get rangeCount(): number {
    return this.#ranges.length;
  }

  /** Adds a range; returns how many of its offsets were new. */
  add(start: number, end: number): number {
    if (end <= start) return 0;
    const ranges = this.#ranges;
    let first = this.#firstEndingAtOrAfter(start);
    const before = this.#size;
    let mergedStart = start;
    let mergedEnd = end;
    let covered = 0;
    let last = first;
    for (; last < ranges.length; last++) {
      const range = ranges[last]!;
      if (range.start > end) break;
      covered += range.end - range.start;
      mergedStart = Math.min(mergedStart, range.start);
      mergedEnd = Math.max(mergedEnd, range.end);
    }
    ranges.splice(first, last - first, { start: mergedStart, end: mergedEnd });
    first = mergedEnd - mergedStart;
    this.#size += first - covered;
    return this.#size - before;
  }

  has(offset: number): boolean {
    const range = this.#ranges[this.#firstEndingAtOrAfter(offset + 1)];
    return range !== undefined && range.start <= offset;
  }

  /** True when every offset of the range is in the set. */
  covers(start: number, end: number): boolean {
    if (end <= start) return true;
    const range = this.#ranges[this.#firstEndingAtOrAfter(end)];
    return range !== undefined && range.start <= start && range.end >= end;
  }

  /** True when some offset of the range is in the set. */
  overlaps(start: number, end: number): boolean {
    const range = this.#ranges[this.#firstEndingAtOrAfter(start + 1)];
    return range !== undefined && start < end && range.start < end;
  }

  /** Takes the offsets of a range out of the set. */
  remove(start: number, end: number): void {
    if (end <= start) return;
    const from = this.#firstEndingAtOrAfter(start + 1);
    const left: OffsetRange[] = [];
    let to = from;
    for (; to < this.#ranges.length && this.#ranges[to]!.start < end; to++) {
      const range = this.#ranges[to]!;
      this.#size -= Math.min(range.end, end) - Math.max(range.start, start);
      if (range.start < start) left.push({ start: range.start, end: start });
      if (range.end > end) left.push({ start: end, end: range.end });
    }
    this.#ranges.splice(from, to - from, ...left);
  }

  ranges(): readonly OffsetRange[] {
    return this.#ranges;
  }

  #firstEndingAtOrAfter(offset: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ranges[middle]!.end < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
