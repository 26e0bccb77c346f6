/** Handshakes that are not complete, by source and in the order in which they came. */
export class HalfOpenTable<T> {
  private readonly bySource = new Map<string, Set<T>>();
  private count = 0;

  get size(): number {
    return this.count;
  }

  of(source: string): number {
    return this.bySource.get(source)?.size ?? 0;
  }

  add(source: string, item: T): void {
    const known = this.bySource.get(source);
    if (known === undefined) this.bySource.set(source, new Set([item]));
    else known.add(item);
    this.count += 1;
  }

  /** False when it was not there. */
  remove(source: string, item: T): boolean {
    const known = this.bySource.get(source);
    if (known?.delete(item) !== true) return false;
    if (known.size === 0) this.bySource.delete(source);
    this.count -= 1;
    return true;
  }

  oldestOf(source: string): T | undefined {
    return first(this.bySource.get(source));
  }

  /** The oldest of the source that has most: a flood gives way to others, and its own oldest to its newest. */
  oldestOfLargest(): T | undefined {
    let largest: Set<T> | undefined;
    for (const items of this.bySource.values()) if (items.size > (largest?.size ?? 0)) largest = items;
    return first(largest);
  }
}

function first<T>(items: Set<T> | undefined): T | undefined {
  for (const item of items ?? []) return item;
  return undefined;
}
