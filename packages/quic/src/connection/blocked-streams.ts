import type { QuicStream } from './stream.js';
import { LinkedQueue } from './linked-queue.js';

/** Streams that the peer's flow control holds, and what they have to send. */
export class BlockedStreams {
  private readonly queue = new LinkedQueue<QuicStream>();
  private held = 0;

  get size(): number {
    return this.queue.size;
  }

  get bytes(): number {
    return this.held;
  }

  add(stream: QuicStream): void {
    stream.blocked = true;
    this.queue.add(stream);
    this.held += stream.queue.length;
  }

  /** A stream that is held was given so much more to send. */
  grew(bytes: number): void {
    this.held += bytes;
  }

  /** False when it was not held. */
  release(stream: QuicStream): boolean {
    if (!stream.blocked) return false;
    stream.blocked = false;
    this.queue.delete(stream);
    this.held -= stream.queue.length;
    return true;
  }

  /** Those that are held now; they may be released meanwhile. */
  [Symbol.iterator](): Iterator<QuicStream> {
    return this.queue[Symbol.iterator]();
  }
}
