/** An item of a heap keeps its own place and deadline; both belong to the heap. */
export interface HeapItem {
  heapIndex: number;
  deadlineMs: number;
}

/** A binary heap of deadlines in which any item can be moved: one timer serves all connections of an endpoint. */
export class DeadlineHeap<T extends HeapItem> {
  private readonly items: T[] = [];

  get size(): number {
    return this.items.length;
  }

  /** Time of the earliest deadline, ms. */
  earliest(): number | undefined {
    return this.items[0]?.deadlineMs;
  }

  /** Inserts or moves `item`. */
  set(item: T, deadlineMs: number): void {
    if (item.heapIndex < 0) {
      item.deadlineMs = deadlineMs;
      item.heapIndex = this.items.length;
      this.items.push(item);
      this.up(item.heapIndex);
      return;
    }
    if (item.deadlineMs === deadlineMs) return;
    item.deadlineMs = deadlineMs;
    this.up(item.heapIndex);
    this.down(item.heapIndex);
  }

  remove(item: T): void {
    const index = item.heapIndex;
    if (index < 0) return;
    item.heapIndex = -1;
    const last = this.items.pop();
    if (last === undefined || last === item) return;
    this.place(last, index);
    this.up(index);
    this.down(last.heapIndex);
  }

  /** Takes out one item that is due at `now`. */
  popDue(now: number): T | undefined {
    const first = this.items[0];
    if (first === undefined || first.deadlineMs > now) return undefined;
    this.remove(first);
    return first;
  }

  private up(start: number): void {
    const item = this.items[start];
    if (item === undefined) return;
    let index = start;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.items[parentIndex];
      if (parent === undefined || parent.deadlineMs <= item.deadlineMs) break;
      this.place(parent, index);
      index = parentIndex;
    }
    this.place(item, index);
  }

  private down(start: number): void {
    const item = this.items[start];
    if (item === undefined) return;
    let index = start;
    for (;;) {
      const child = this.smallerChild(index);
      if (child === undefined || child.deadlineMs >= item.deadlineMs) break;
      const childIndex = child.heapIndex;
      this.place(child, index);
      index = childIndex;
    }
    this.place(item, index);
  }

  private smallerChild(index: number): T | undefined {
    const left = this.items[2 * index + 1];
    const right = this.items[2 * index + 2];
    if (left === undefined || right === undefined) return left;
    return right.deadlineMs < left.deadlineMs ? right : left;
  }

  private place(item: T, index: number): void {
    this.items[index] = item;
    item.heapIndex = index;
  }
}
