/** Whole numbers, kept as ranges. Made for packet numbers: nearly all additions are at the end. */
export class MemoryRangeSet {
  /** Ascending, disjoint, not adjacent. None of them is ever changed: others may have it. */
  readonly #ranges: (readonly [first: number, last: number])[] = [];

  /** False when it was there already. */
  add(value: number): boolean {
    const ranges = this.#ranges;
    let at = ranges.length;
    while (at > 0 && (ranges[at - 1]?.[0] ?? 0) > value) at--;
    const before = ranges[at - 1];
    if (before !== undefined && value <= before[1]) return false;
    const after = ranges[at];
    const joinsBefore = before?.[1] === value - 1;
    const joinsAfter = after?.[0] === value + 1;
    if (joinsBefore && joinsAfter) ranges.splice(at - 1, 2, [before[0], after[1]]);
    else if (joinsBefore) ranges[at - 1] = [before[0], value];
    else if (joinsAfter) ranges[at] = [value, after[1]];
    else ranges.splice(at, 0, [value, value]);
    return true;
  }

  /** The last `count` ranges, ascending. */
  newest(count: number): (readonly [number, number])[] {
    return this.#ranges.slice(-count);
  }

  /** Forgets all but the last `count` ranges. */
  keepNewest(count: number): void {
    if (this.#ranges.length > count) this.#ranges.splice(0, this.#ranges.length - count);
  }
}
