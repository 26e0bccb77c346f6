import { KwikError, type PathTransportHandler } from '@kwik/wire';

import { DataCredit } from './data-credit.js';
import type { MemoryPacketSender } from './memory-packet-sender.js';
import type { ControlFrame, Frame, PeerParameters } from './packet.js';
import { MemoryStreamTable } from './memory-stream-table.js';
import type { MemoryStream, StreamOwner } from './stream.js';

/** What the streams need of their connection. */
export interface StreamLayerOwner {
  readonly sender: MemoryPacketSender;
  /** Handlers may be called and bytes be written. */
  isOpen(): boolean;
  /** A turn is wanted. */
  wake(): void;
  /** The network holds the stream back: nothing of it may be delivered now. */
  holds(streamId: number): boolean;
  /** Bytes were taken for sending, or given up unsent. */
  written(): void;
  /** The peer broke a rule. */
  fail(error: KwikError): void;
}

/** What any stream may queue although others have filled the connection's share, so that control data gets through. */
const MIN_STREAM_BYTES = 4 * 1350;

/** All streams of a connection: frames to and from them, flow control, and what their handlers must be told. */
export class StreamLayer {
  readonly #owner: StreamLayerOwner;
  readonly #table: MemoryStreamTable;
  readonly #credit: DataCredit;
  readonly #deliverable = new Set<MemoryStream>();
  readonly #short = new Set<MemoryStream>();
  readonly #unannounced: MemoryStream[] = [];
  #unsentBytes = 0;

  constructor(side: 'client' | 'server', parameters: PeerParameters, owner: StreamLayerOwner) {
    this.#owner = owner;
    this.#table = new MemoryStreamTable(side, parameters, this.#streamOwner());
    this.#credit = new DataCredit(parameters.connectionWindowBytes);
  }

  /** Accepted by `write` and not yet in a packet. */
  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  open(unidirectional: boolean): MemoryStream | undefined {
    return this.#table.open(unidirectional);
  }

  onPeerParameters(peer: PeerParameters): void {
    this.#credit.onSendLimit(peer.connectionWindowBytes);
    this.#table.onPeerParameters(peer);
  }

  clear(): void {
    this.#table.clear();
  }

  /** Announces new streams and tells each handler what came. */
  deliver(handler: PathTransportHandler): void {
    for (const stream of this.#unannounced.splice(0)) {
      if (!this.#owner.isOpen() || this.#owner.holds(stream.id)) {
        this.#unannounced.push(stream);
        continue;
      }
      handler.onStream(stream);
      if (stream.handler !== undefined) continue;
      throw new KwikError('ERR_KWIK_INVALID_STATE', `onStream returned without attaching to stream ${stream.id}`);
    }
    for (const stream of this.#deliverable) {
      if (this.#owner.holds(stream.id)) continue;
      this.#deliverable.delete(stream);
      while (this.#owner.isOpen() && stream.deliverNext());
      this.#settle(stream);
    }
  }

  /** Tells those whose `write` came up short that they can go on. */
  tellWritable(): void {
    for (const stream of this.#short) {
      if (!stream.wantsWritable) this.#short.delete(stream);
      else if (this.#owner.isOpen() && stream.canTellWritable) {
        this.#short.delete(stream);
        stream.tellWritable();
      }
    }
  }

  /** Frames of the peer, save those of the handshake. */
  onFrame(frame: Exclude<Frame, { kind: 'hello' | 'accept' }>): void {
    switch (frame.kind) {
      case 'stream':
        return this.#onStream(frame.id, (stream) => stream.onFrame(frame));
      case 'reset':
        return this.#onStream(frame.id, (stream) => stream.onReset(frame.code, frame.finalSize));
      case 'stop':
        return this.#onStream(frame.id, (stream) => (stream.onStop(frame.code), 0));
      case 'maxStreamData':
        return this.#onStream(frame.id, (stream) => (stream.onSendLimit(frame.limit), 0));
      case 'maxData':
        return this.#credit.onSendLimit(frame.limit);
      case 'maxStreams':
        return this.#table.onOpenLimit(frame.unidirectional, frame.limit);
      case 'ping':
        return;
    }
  }

  onFrameAcknowledged(frame: Frame): void {
    if (frame.kind !== 'stream' && frame.kind !== 'reset') return;
    const stream = this.#table.get(frame.id);
    if (stream === undefined) return;
    if (frame.kind === 'stream') stream.onFrameAcknowledged(frame);
    else stream.onResetAcknowledged();
    this.#settle(stream);
  }

  /** Whether a frame that was sent before must be sent again. */
  wanted(frame: Frame): boolean {
    if (frame.kind === 'ping') return false;
    return frame.kind !== 'stream' || this.#table.get(frame.id)?.wants(frame) === true;
  }

  /** `handle` gives the bytes that count against the connection's window, undefined when the stream's is broken. */
  #onStream(id: number, handle: (stream: MemoryStream) => number | undefined): void {
    const stream = this.#table.get(id) ?? this.#adopt(id);
    if (stream === undefined) return;
    const bytes = handle(stream);
    if (bytes === undefined || !this.#credit.onReceived(bytes)) {
      const text = `the peer sent more on stream ${id} than was allowed`;
      this.#owner.fail(new KwikError('ERR_KWIK_FLOW_CONTROL', text));
    }
    this.#settle(stream);
  }

  #adopt(id: number): MemoryStream | undefined {
    const made = this.#table.adopt(id);
    if (made === 'finished') return undefined;
    if (made === 'violation') {
      const text = `the peer used stream ${id}, which it may not`;
      this.#owner.fail(new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', text));
      return undefined;
    }
    this.#unannounced.push(...made);
    return made[made.length - 1];
  }

  /** Forgets a stream that is over; the peer may open another in its place. */
  #settle(stream: MemoryStream): void {
    const credit = this.#table.settle(stream);
    if (credit !== undefined) this.#control({ kind: 'maxStreams', ...credit });
  }

  #control(frame: ControlFrame): void {
    this.#owner.sender.control(frame);
    this.#owner.wake();
  }

  #streamOwner(): StreamOwner {
    return {
      room: (stream) => this.#writeRoom(stream),
      changed: (stream) => this.#onChanged(stream),
      written: (bytes) => this.#onWritten(bytes),
      sent: (bytes) => (this.#unsentBytes -= bytes),
      discarded: (bytes) => this.#onWritten(-bytes),
      cameShort: (stream) => this.#short.add(stream),
      sendReset: (stream, code) => {
        this.#owner.sender.ready(stream);
        this.#control({ kind: 'reset', id: stream.id, code, finalSize: stream.sentBytes });
      },
      sendStop: (stream, code) => {
        this.#control({ kind: 'stop', id: stream.id, code });
        this.#settle(stream);
      },
      consumed: (stream, bytes) => this.#onConsumed(stream, bytes),
    };
  }

  #onChanged(stream: MemoryStream): void {
    this.#owner.sender.ready(stream);
    this.#deliverable.add(stream);
    this.#owner.wake();
  }

  #onWritten(bytes: number): void {
    this.#unsentBytes += bytes;
    this.#credit.wrote(bytes);
    this.#owner.written();
  }

  #writeRoom(stream: MemoryStream): number {
    if (!this.#owner.isOpen()) return 0;
    const share = this.#owner.sender.unsentLimit - this.#unsentBytes;
    const own = MIN_STREAM_BYTES - stream.unsentBytes;
    return Math.min(this.#credit.sendRoom, Math.max(share, own));
  }

  #onConsumed(stream: MemoryStream, bytes: number): void {
    const limit = this.#credit.onConsumed(bytes);
    if (limit !== undefined) this.#control({ kind: 'maxData', limit });
    const streamLimit = stream.takeNewLimit();
    if (streamLimit !== undefined) this.#control({ kind: 'maxStreamData', id: stream.id, limit: streamLimit });
  }
}
