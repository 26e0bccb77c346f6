import { KwikError, type TransportStream, type TransportStreamHandler } from '@kwik/wire';
import type { ByteQueue } from './byte-queue.js';
import type { LinkedQueue, Queued } from './linked-queue.js';

/** `none`: the direction does not exist. `ending`: `end` was called, and bytes or the FIN still wait. */
export type SendSide = 'none' | 'open' | 'ending' | 'done';
export type ReceiveSide = 'none' | 'open' | 'done';

/** What a stream needs of its connection. */
export interface StreamOwner {
  accept(stream: QuicStream, data: Uint8Array): number;
  finish(stream: QuicStream): void;
  reset(stream: QuicStream, code: number): void;
  stop(stream: QuicStream, code: number): void;
  /** Something changed on the reading side: deliver what there is. */
  readMore(): void;
}

/** State of one stream. The connection's sender and receiver keep it; applications see `TransportStream`. */
export class QuicStream implements TransportStream, Queued<QuicStream> {
  handler: TransportStreamHandler | undefined;
  paused = false;
  receivedBytes = 0;
  /** Held by the peer's flow control of this stream: its queue does not count as waiting for the path. */
  blocked = false;
  /** `write` came up short: `onWritable` is to be called when there is room. */
  wantsWritable = false;
  /** Code of a STOP_SENDING that its handler has not been told yet. */
  pendingStop: number | undefined;
  /** Kept by the queue that it waits in. */
  waitsIn: LinkedQueue<QuicStream> | undefined;
  previous: QuicStream | undefined;
  next: QuicStream | undefined;
  private endedLocally = false;

  constructor(
    readonly id: number,
    readonly openedByPeer: boolean,
    readonly queue: ByteQueue,
    public sendSide: SendSide,
    public receiveSide: ReceiveSide,
    private readonly owner: StreamOwner,
  ) {}

  get unidirectional(): boolean {
    return isUnidirectional(this.id);
  }

  get finished(): boolean {
    const sent = this.sendSide === 'done' || this.sendSide === 'none';
    const received = this.receiveSide === 'done' || this.receiveSide === 'none';
    return sent && received && this.pendingStop === undefined;
  }

  attach(handler: TransportStreamHandler): void {
    if (this.handler !== undefined)
      throw new KwikError('ERR_KWIK_INVALID_STATE', `stream ${this.id} has a handler already`);
    this.handler = handler;
    this.owner.readMore();
  }

  write(data: Uint8Array): number {
    if (this.endedLocally || this.sendSide === 'none') {
      throw new KwikError('ERR_KWIK_STREAM_CLOSED', `stream ${this.id} is not open for writing`);
    }
    // Stopped by the peer or closed with its connection: the handler hears of it, or has.
    if (this.sendSide !== 'open') return 0;
    return this.owner.accept(this, data);
  }

  end(): void {
    this.endedLocally = true;
    if (this.sendSide !== 'open') return;
    this.sendSide = 'ending';
    this.owner.finish(this);
  }

  reset(code: number): void {
    this.endedLocally = true;
    if (this.sendSide === 'open' || this.sendSide === 'ending') this.owner.reset(this, checkedCode(code));
  }

  stopSending(code: number): void {
    if (this.receiveSide === 'open') this.owner.stop(this, checkedCode(code));
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.owner.readMore();
  }
}

/** RFC 9000, section 2.1: bit 1 of a stream id tells its direction, bit 0 who opened it. */
export function isUnidirectional(id: number): boolean {
  return (id & 2) !== 0;
}

export function openedByServer(id: number): boolean {
  return (id & 1) !== 0;
}

export function checkedCode(code: number): number {
  if (Number.isSafeInteger(code) && code >= 0) return code;
  throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `error code ${code} is not a whole number from 0 to 2^53-1`);
}
