import { KwikError, type TransportStream, type TransportStreamHandler } from '@kwik/wire';

import { Fifo } from '../queues/fifo.js';
import type { StreamFrame } from './packet.js';

/** What a stream needs of its connection. */
export interface StreamOwner {
  /** Bytes that the connection would take into its buffer now. */
  room(stream: MemoryStream): number;
  /** The stream has something new: to send, or to deliver. */
  changed(stream: MemoryStream): void;
  written(bytes: number): void;
  sent(bytes: number): void;
  discarded(unsentBytes: number): void;
  /** `write` came up short; `canTellWritable` says when that is over. */
  cameShort(stream: MemoryStream): void;
  sendReset(stream: MemoryStream, code: number): void;
  sendStop(stream: MemoryStream, code: number): void;
  /** Received bytes that nobody waits for any more. */
  consumed(stream: MemoryStream, bytes: number): void;
}

type SendState = 'none' | 'open' | 'ending' | 'finSent' | 'reset' | 'done';
type ReceiveState = 'none' | 'open' | 'stopped' | 'done';

/** One stream of a `MemoryConnection`: its send buffer, its reassembly and its flow control. */
export class MemoryStream implements TransportStream {
  readonly id: number;
  readonly openedByPeer: boolean;
  handler: TransportStreamHandler | undefined;
  readonly #owner: StreamOwner;
  readonly #receiveWindow: number;
  #send: SendState;
  #receive: ReceiveState;
  readonly #unsent = new Fifo<Uint8Array>();
  #acceptedBytes = 0;
  #sentBytes = 0;
  #acknowledgedBytes = 0;
  #finAcknowledged = false;
  #sendLimit: number;
  #wantsWritable = false;
  #endedLocally = false;
  #paused = false;
  /** Frames that came, by offset; a frame is never split, so an offset tells it. */
  readonly #received = new Map<number, StreamFrame>();
  #deliveredBytes = 0;
  #highestByte = 0;
  #announcedLimit: number;
  #finalSize: number | undefined;
  #peerReset: number | undefined;
  #peerStop: number | undefined;

  constructor(
    id: number,
    openedByPeer: boolean,
    sides: { readonly sends: boolean; readonly receives: boolean },
    windows: { readonly send: number; readonly receive: number },
    owner: StreamOwner,
  ) {
    this.id = id;
    this.openedByPeer = openedByPeer;
    this.#send = sides.sends ? 'open' : 'none';
    this.#receive = sides.receives ? 'open' : 'none';
    this.#sendLimit = windows.send;
    this.#receiveWindow = windows.receive;
    this.#announcedLimit = windows.receive;
    this.#owner = owner;
  }

  get unidirectional(): boolean {
    return (this.id & 2) !== 0;
  }

  attach(handler: TransportStreamHandler): void {
    if (this.handler !== undefined) {
      throw new KwikError('ERR_KWIK_INVALID_STATE', `stream ${this.id} has a handler already`);
    }
    this.handler = handler;
    this.#owner.changed(this);
  }

  write(data: Uint8Array): number {
    if (this.#endedLocally || this.#send === 'none') {
      throw new KwikError('ERR_KWIK_STREAM_CLOSED', `stream ${this.id} is not open for writing`);
    }
    if (this.#send !== 'open') return 0;
    const count = Math.min(data.length, this.#room());
    if (count > 0) {
      this.#unsent.push(data.slice(0, count));
      this.#acceptedBytes += count;
      this.#owner.written(count);
      this.#owner.changed(this);
    }
    if (count < data.length) {
      this.#wantsWritable = true;
      this.#owner.cameShort(this);
    }
    return count;
  }

  end(): void {
    this.#endedLocally = true;
    if (this.#send !== 'open') return;
    this.#send = 'ending';
    this.#wantsWritable = false;
    this.#owner.changed(this);
  }

  reset(code: number): void {
    this.#endedLocally = true;
    if (this.#send !== 'open' && this.#send !== 'ending' && this.#send !== 'finSent') return;
    this.#discardUnsent();
    this.#send = 'reset';
    this.#owner.sendReset(this, code);
  }

  stopSending(code: number): void {
    if (this.#receive !== 'open') return;
    const complete = this.#peerReset !== undefined || this.#finalSize === this.#highestByte;
    this.#receive = complete ? 'done' : 'stopped';
    this.#discardReceived();
    this.#owner.sendStop(this, code);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#owner.changed(this);
  }

  // --- Called by the connection ---

  /** Accepted by `write` and not yet in a packet. */
  get unsentBytes(): number {
    return this.#acceptedBytes - this.#sentBytes;
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** Both directions are over and acknowledged, and the handler knows. */
  get finished(): boolean {
    const sent = this.#send === 'none' || this.#send === 'done';
    return sent && (this.#receive === 'none' || this.#receive === 'done') && this.#peerStop === undefined;
  }

  get hasUnsent(): boolean {
    return (this.#send === 'open' || this.#send === 'ending') && (this.#unsent.length > 0 || this.#send === 'ending');
  }

  /** The next frame, of `maxBytes` payload at most. */
  nextFrame(maxBytes: number): StreamFrame | undefined {
    if (!this.hasUnsent) return undefined;
    const data = takeBytes(this.#unsent, maxBytes);
    const fin = this.#send === 'ending' && this.#unsent.length === 0;
    if (data.length === 0 && !fin) return undefined;
    const frame = { kind: 'stream' as const, id: this.id, offset: this.#sentBytes, data, fin, acknowledged: false };
    this.#sentBytes += data.length;
    this.#owner.sent(data.length);
    if (fin) this.#send = 'finSent';
    return frame;
  }

  onFrameAcknowledged(frame: StreamFrame): void {
    if (frame.acknowledged) return;
    frame.acknowledged = true;
    this.#acknowledgedBytes += frame.data.length;
    this.#finAcknowledged ||= frame.fin;
    const all = this.#finAcknowledged && this.#acknowledgedBytes === this.#sentBytes;
    if (this.#send === 'finSent' && all) this.#send = 'done';
  }

  onResetAcknowledged(): void {
    if (this.#send === 'reset') this.#send = 'done';
  }

  /** Whether a frame that was lost must be sent again. */
  wants(frame: StreamFrame): boolean {
    return !frame.acknowledged && (this.#send === 'open' || this.#send === 'ending' || this.#send === 'finSent');
  }

  /** Bytes by which the highest offset rose: what counts against the connection's window; undefined breaks flow control. */
  onFrame(frame: StreamFrame): number | undefined {
    const endByte = frame.offset + frame.data.length;
    if (endByte > this.#announcedLimit) return undefined;
    const rise = this.#raise(endByte);
    if (frame.fin) this.#finalSize = endByte;
    if (this.#receive === 'stopped') {
      this.#owner.consumed(this, rise);
      if (this.#finalSize === this.#highestByte) this.#receive = 'done';
      return rise;
    }
    if (this.#receive !== 'open') return rise;
    if (frame.data.length > 0 && endByte > this.#deliveredBytes) this.#received.set(frame.offset, frame);
    this.#owner.changed(this);
    return rise;
  }

  onReset(code: number, finalSize: number): number | undefined {
    if (finalSize > this.#announcedLimit) return undefined;
    const rise = this.#raise(finalSize);
    if (this.#receive === 'open') {
      this.#discardReceived();
      this.#peerReset = code;
      this.#owner.changed(this);
    } else if (this.#receive === 'stopped') {
      this.#owner.consumed(this, rise);
      this.#receive = 'done';
    }
    return rise;
  }

  onStop(code: number): void {
    if (this.#send !== 'open' && this.#send !== 'ending' && this.#send !== 'finSent') return;
    this.#peerStop = code;
    this.#discardUnsent();
    this.#send = 'reset';
    // RFC 9000, section 3.5: the answer is a reset with the same code.
    this.#owner.sendReset(this, code);
    this.#owner.changed(this);
  }

  onSendLimit(limit: number): void {
    this.#sendLimit = Math.max(this.#sendLimit, limit);
  }

  /** The limit to announce, when half of the window has been used up since the last time. */
  takeNewLimit(): number | undefined {
    if (this.#receive !== 'open' || this.#finalSize !== undefined) return undefined;
    const limit = this.#deliveredBytes + this.#receiveWindow;
    if (limit - this.#announcedLimit < this.#receiveWindow / 2) return undefined;
    this.#announcedLimit = limit;
    return limit;
  }

  get wantsWritable(): boolean {
    return this.#wantsWritable;
  }

  get canTellWritable(): boolean {
    return this.#wantsWritable && this.handler !== undefined && this.#send === 'open' && this.#room() > 0;
  }

  tellWritable(): void {
    this.#wantsWritable = false;
    this.handler?.onWritable();
  }

  /** Tells the handler the next thing it may hear; false when there is none now. */
  deliverNext(): boolean {
    const { handler } = this;
    if (handler === undefined) return false;
    if (this.#peerStop !== undefined) {
      const code = this.#peerStop;
      this.#peerStop = undefined;
      handler.onStopSending(code);
      return true;
    }
    if (this.#receive !== 'open') return false;
    if (this.#peerReset !== undefined) {
      this.#receive = 'done';
      handler.onReset(this.#peerReset);
      return true;
    }
    if (this.#paused) return false;
    const frame = this.#received.get(this.#deliveredBytes);
    if (frame !== undefined) {
      this.#received.delete(frame.offset);
      this.#deliveredBytes += frame.data.length;
      this.#owner.consumed(this, frame.data.length);
      handler.onData(frame.data);
      return true;
    }
    if (this.#finalSize !== this.#deliveredBytes) return false;
    this.#receive = 'done';
    this.#received.clear();
    handler.onEnd();
    return true;
  }

  #room(): number {
    return Math.max(0, Math.min(this.#sendLimit - this.#acceptedBytes, this.#owner.room(this)));
  }

  #raise(endByte: number): number {
    const rise = Math.max(0, endByte - this.#highestByte);
    this.#highestByte += rise;
    return rise;
  }

  #discardUnsent(): void {
    this.#owner.discarded(this.unsentBytes);
    this.#acceptedBytes = this.#sentBytes;
    this.#unsent.clear();
    this.#wantsWritable = false;
  }

  #discardReceived(): void {
    this.#received.clear();
    this.#owner.consumed(this, this.#highestByte - this.#deliveredBytes);
    this.#deliveredBytes = this.#highestByte;
  }
}

/** Up to `maxBytes` from the front, in one piece; a piece of its own, for the receiver keeps it. */
function takeBytes(queue: Fifo<Uint8Array>, maxBytes: number): Uint8Array {
  const first = queue.peek();
  if (first === undefined) return new Uint8Array(0);
  if (first.length <= maxBytes) {
    queue.shift();
    return first;
  }
  queue.replaceFirst(first.subarray(maxBytes));
  return first.subarray(0, maxBytes);
}
