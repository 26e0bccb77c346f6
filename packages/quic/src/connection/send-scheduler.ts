import { LinkedQueue } from './linked-queue.js';
import type { QuicStream } from './stream.js';

/**
 * Which stream sends next: those that have something, in turn. Those that the peer's flow control of a stream holds wait
 * apart. Only here the sending side of a stream changes, and its queue.
 */
export class SendScheduler {
  private readonly ready = new LinkedQueue<QuicStream>();
  private readonly blocked = new LinkedQueue<QuicStream>();
  private readyBytes = 0;
  private blockedBytes = 0;
  /** Something came from the peer since blocked streams were last tried. */
  private mayUnblock = false;

  /** Bytes in stream queues, without those held by the peer's flow control. */
  get queuedBytes(): number {
    return this.readyBytes;
  }

  /** Bytes that the peer's flow control of their stream holds. */
  get heldBytes(): number {
    return this.blockedBytes;
  }

  /** The stream whose turn it is. */
  get next(): QuicStream | undefined {
    return this.ready.first;
  }

  /** Nothing is left to be sent, FINs included. */
  get empty(): boolean {
    return this.ready.size === 0 && this.blocked.size === 0;
  }

  enqueue(stream: QuicStream, data: Uint8Array): void {
    stream.queue.push(data);
    if (stream.blocked) {
      this.blockedBytes += data.length;
      return;
    }
    this.readyBytes += data.length;
    this.ready.add(stream);
  }

  /** The stream's FIN is to be sent after its queue. */
  finish(stream: QuicStream): void {
    if (!stream.blocked) this.ready.add(stream);
  }

  /** Forgets what the stream still had to send. */
  discard(stream: QuicStream): void {
    if (!this.unblock(stream)) this.readyBytes -= stream.queue.length;
    stream.queue.clear();
    stream.wantsWritable = false;
    stream.sendSide = 'done';
    this.ready.delete(stream);
  }

  /** The peer told the stream to stop, with `code`; its handler is yet to hear of it. */
  stop(stream: QuicStream, code: number): void {
    stream.pendingStop = code;
    this.discard(stream);
  }

  /** Takes the stream out of its turn, to send a piece of it; `sent` puts it back. */
  take(stream: QuicStream): void {
    this.ready.delete(stream);
  }

  /** `bytes` of the stream's queue were sent, and its FIN if `fin`; it goes behind the others. */
  sent(stream: QuicStream, bytes: number, fin: boolean): void {
    stream.queue.consume(bytes);
    this.readyBytes -= bytes;
    if (fin) stream.sendSide = 'done';
    else this.requeue(stream);
  }

  /** The peer's flow control takes no more of the stream. */
  block(stream: QuicStream): void {
    stream.blocked = true;
    this.blocked.add(stream);
    this.blockedBytes += stream.queue.length;
    this.readyBytes -= stream.queue.length;
  }

  /** The peer may have granted more. */
  onGrants(): void {
    this.mayUnblock = true;
  }

  /** Gives those their turn again that have room; `hasRoom` asks for it. */
  retryBlocked(hasRoom: (stream: QuicStream) => boolean): void {
    if (!this.mayUnblock) return;
    this.mayUnblock = false;
    for (const stream of this.blocked) {
      if (!hasRoom(stream)) continue;
      this.unblock(stream);
      this.readyBytes += stream.queue.length;
      this.requeue(stream);
    }
  }

  private requeue(stream: QuicStream): void {
    if (stream.queue.length > 0 || stream.sendSide === 'ending') this.ready.add(stream);
  }

  /** False when it was not blocked. */
  private unblock(stream: QuicStream): boolean {
    if (!stream.blocked) return false;
    stream.blocked = false;
    this.blocked.delete(stream);
    this.blockedBytes -= stream.queue.length;
    return true;
  }
}
