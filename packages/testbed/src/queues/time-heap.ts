interface Entry<T> {
  readonly timeMs: number;
  readonly order: number;
  readonly item: T;
}

/** A binary heap by time; what has the same time comes out in the order in which it went in. */
export class TimeHeap<T> {
  #entries: Entry<T>[] = [];
  #order = 0;

  get size(): number {
    return this.#entries.length;
  }

  /** Time of the first entry; Infinity when there is none. */
  get firstMs(): number {
    return this.#entries[0]?.timeMs ?? Infinity;
  }

  peek(): T | undefined {
    return this.#entries[0]?.item;
  }

  push(timeMs: number, item: T): void {
    const entries = this.#entries;
    const entry = { timeMs, order: this.#order++, item };
    let hole = entries.length;
    entries.push(entry);
    while (hole > 0) {
      const above = (hole - 1) >> 1;
      const parent = entries[above];
      if (parent === undefined || !before(entry, parent)) break;
      entries[hole] = parent;
      hole = above;
    }
    entries[hole] = entry;
  }

  pop(): T | undefined {
    const first = this.#entries[0];
    const last = this.#entries.pop();
    if (first === undefined || last === undefined) return undefined;
    if (this.#entries.length > 0) this.#sink(last);
    return first.item;
  }

  /** Keeps only what `keep` says; costs a sort. */
  filter(keep: (item: T) => boolean): void {
    const kept = this.#entries.filter((entry) => keep(entry.item)).sort((a, b) => (before(a, b) ? -1 : 1));
    // A sorted array is a heap.
    this.#entries = kept;
  }

  /** Empties the heap; `each` sees what was in it, in no order. */
  clear(each: (item: T) => void = () => undefined): void {
    for (const entry of this.#entries.splice(0)) each(entry.item);
  }

  #sink(entry: Entry<T>): void {
    const entries = this.#entries;
    let hole = 0;
    for (;;) {
      const left = entries[2 * hole + 1];
      const right = entries[2 * hole + 2];
      if (left === undefined) break;
      const child = right !== undefined && before(right, left) ? right : left;
      if (!before(child, entry)) break;
      entries[hole] = child;
      hole = 2 * hole + (child === left ? 1 : 2);
    }
    entries[hole] = entry;
  }
}

function before<T>(a: Entry<T>, b: Entry<T>): boolean {
  return a.timeMs < b.timeMs || (a.timeMs === b.timeMs && a.order < b.order);
}
