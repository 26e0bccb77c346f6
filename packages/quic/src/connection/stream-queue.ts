import type { QuicStream } from './stream.js';

/**
 * Streams in the order in which they were added, linked through themselves: a stream is in one queue at the most. A Set
 * would do the same, but makes a new table at nearly every change, and the old ones are a trail that V8 follows for long.
 */
export class StreamQueue {
  private head: QuicStream | undefined;
  private tail: QuicStream | undefined;
  private count = 0;

  get size(): number {
    return this.count;
  }

  get first(): QuicStream | undefined {
    return this.head;
  }

  /** At the end, out of the queue where it was; where it is when it is in this one already. */
  add(stream: QuicStream): void {
    if (stream.waitsIn === this) return;
    stream.waitsIn?.delete(stream);
    stream.waitsIn = this;
    stream.previous = this.tail;
    if (this.tail === undefined) this.head = stream;
    else this.tail.next = stream;
    this.tail = stream;
    this.count += 1;
  }

  delete(stream: QuicStream): void {
    if (stream.waitsIn !== this) return;
    const { previous, next } = stream;
    if (previous === undefined) this.head = next;
    else previous.next = next;
    if (next === undefined) this.tail = previous;
    else next.previous = previous;
    stream.waitsIn = undefined;
    stream.previous = undefined;
    stream.next = undefined;
    this.count -= 1;
  }

  /** Those that are in it now; the queue may change meanwhile. */
  *[Symbol.iterator](): Iterator<QuicStream> {
    let stream = this.head;
    for (let left = this.count; left > 0 && stream !== undefined; left -= 1) {
      const { next } = stream;
      yield stream;
      stream = next;
    }
  }
}
