/** What a queue keeps in each of its members. */
export interface Queued<T> {
  waitsIn: QueueOf<T> | undefined;
  previous: T | undefined;
  next: T | undefined;
}

/** The queue that a member is in. */
interface QueueOf<T> {
  delete(member: T): void;
}

/**
 * Members in the order in which they were added, linked through themselves: each is in one queue at the most. A Set
 * would do the same, but makes a new table at nearly every change, and the old ones are a trail that V8 follows for long.
 */
export class LinkedQueue<T extends Queued<T>> {
  private head: T | undefined;
  private tail: T | undefined;
  private count = 0;

  get size(): number {
    return this.count;
  }

  get first(): T | undefined {
    return this.head;
  }

  /** At the end, out of the queue where it was; where it is when it is in this one already. */
  add(member: T): void {
    if (member.waitsIn === this) return;
    member.waitsIn?.delete(member);
    member.waitsIn = this;
    member.previous = this.tail;
    if (this.tail === undefined) this.head = member;
    else this.tail.next = member;
    this.tail = member;
    this.count += 1;
  }

  delete(member: T): void {
    if (member.waitsIn !== this) return;
    const { previous, next } = member;
    if (previous === undefined) this.head = next;
    else previous.next = next;
    if (next === undefined) this.tail = previous;
    else next.previous = previous;
    member.waitsIn = undefined;
    member.previous = undefined;
    member.next = undefined;
    this.count -= 1;
  }

  /** Those that are in it now; the queue may change meanwhile. */
  *[Symbol.iterator](): Iterator<T> {
    let member = this.head;
    for (let left = this.count; left > 0 && member !== undefined; left -= 1) {
      const { next } = member;
      yield member;
      member = next;
    }
  }
}
