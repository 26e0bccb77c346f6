import {
  isUnidirectional,
  KwikError,
  pingFrame,
  proto,
  toPacketNumber,
  toPathId,
  stopSendingFrame,
  toStreamId,
  windowUpdateFrame,
  type PathId,
  type StreamId,
} from '@kwik/wire';
import { SequenceWindow } from '../datagrams/sequence-window.js';
import type { Natives } from '../natives.js';
import type { StreamPicker } from '../streams/stream-picker.js';
import type { ReceiveHalf } from '../streams/receive-half.js';
import type { StreamState } from '../streams/stream-state.js';
import type { StreamTable } from '../streams/stream-table.js';
import type { DataEvent } from './data-events.js';
import type { DataPath } from './data-path.js';
import { requireRight } from './frame-rights.js';
import { framesOf } from './packet-compressor.js';
import type { RangeSink } from './range-sink.js';
import type { StreamWriters } from './stream-writers.js';

/** Offsets are counted in doubles inside a session: exact up to here, 8 PiB. */
const MAX_OFFSET = BigInt(Number.MAX_SAFE_INTEGER);

const UNSUPPORTED_FLAGS = proto.FrameFlag.COMPRESSED | proto.FrameFlag.ENCRYPTED;

export interface FrameReceiverContext {
  readonly role: 'client' | 'primary' | 'secondary';
  readonly streams: StreamTable;
  readonly writers: StreamWriters;
  readonly picker: StreamPicker;
  readonly rangeSink: RangeSink | undefined;
  readonly inflate: Natives['inflate'];
  readonly emit: (event: DataEvent) => void;
  path(id: PathId): DataPath | undefined;
  retireIfDone(stream: StreamState): void;
  /** Tells all writers of the stream how far they may write. */
  announceWindow(stream: StreamState): void;
  /** Over this path came what went over another one before, and had not come: whether others are well has to be shown by these. */
  doubtBeside(path: DataPath, now: number): readonly DataPath[];
  /** The peer wants no more of what this end sends. */
  stopped(stream: StreamState, code: number): void;
}

/** Takes the packets of all paths apart and applies each frame. Throws a KwikError at a peer's mistake. */
export class FrameReceiver {
  readonly #context: FrameReceiverContext;
  #datagramsCame = new SequenceWindow();

  constructor(context: FrameReceiverContext) {
    this.#context = context;
  }

  /** Whose datagrams are counted from the first. */
  newPeer(): void {
    this.#datagramsCame = new SequenceWindow();
  }

  handlePacket(path: DataPath, packet: proto.Packet, now: number): void {
    path.lastPacketMs = now;
    const frames = framesOf(packet, path.maxInflatedBytes, this.#context.inflate);
    const eliciting = frames.some((frame) => frame.body?.$case !== 'ack');
    const arrival = path.acks.onPacket(toPacketNumber(packet.packetNumber), eliciting, now);
    if (arrival === 'duplicate') return;
    for (const frame of frames) {
      // One frame may have shown that the peer breaks the rules, or wastes what it is given.
      if (path.violated) return;
      this.#handleFrame(path, frame, now);
    }
  }

  /** Bytes that the application will never read: their paths get the credit back. */
  creditBack(byOrigin: ReadonlyMap<number, number>): void {
    for (const [origin, bytes] of byOrigin) this.consume(this.#context.path(origin as PathId), bytes);
  }

  /** Bytes of the path's window that nobody holds any more: the peer may send as many again. */
  consume(path: DataPath | undefined, bytes: number): void {
    if (path === undefined || bytes === 0) return;
    path.flowControl.onConsumed(bytes);
    const limit = path.flowControl.takeUpdate();
    if (limit !== undefined) path.queueFrame('session window', windowUpdateFrame({ maxOffset: BigInt(limit) }));
  }

  #handleFrame(path: DataPath, frame: proto.Frame, now: number): void {
    const body = frame.body;
    if (body === undefined) return;
    requireRight(path, body);
    switch (body.$case) {
      case 'stream':
        this.#handleStream(path, body.value, now);
        return;
      case 'ack':
        this.#handleAck(path, body.value, now);
        return;
      case 'windowUpdate':
        this.#handleWindowUpdate(path, body.value);
        return;
      case 'resetStream':
        this.#handleReset(path, body.value);
        return;
      case 'stopSending':
        this.#handleStopSending(path, body.value);
        return;
      case 'raw':
        this.#handleRaw(path, body.value);
        return;
      case 'ping':
        if (!body.value.reply) path.queueFrame('pong', pingFrame({ sequence: body.value.sequence, reply: true }));
        return;
      case 'blocked':
        this.#handleBlocked(path, body.value);
        return;
      case 'sealed':
        return;
      case 'maxStreams':
        if (this.#context.streams.handleMaxStreams(body.value.unidirectional, body.value.maxStreams)) {
          this.#context.emit({ kind: 'credit' });
        }
        return;
      case 'datagram':
        // A copy: the few bytes of one would keep the whole buffer alive into which the socket had read.
        if (this.#datagramsCame.take(body.value.sequence))
          this.#context.emit({ kind: 'datagram', data: body.value.data.slice() });
        return;
    }
  }

  #handleStream(path: DataPath, frame: proto.StreamFrame, now: number): void {
    const offset = toOffset(frame.offset);
    const streamId = toStreamId(frame.streamId);
    if ((frame.flags & UNSUPPORTED_FLAGS) !== 0) throw notOffered('compressed or encrypted stream frames');
    path.receivedBytes += frame.data.length;
    path.receiveRate.onDelivered(frame.data.length, path.rtt.smoothedMs, now);
    if ((frame.flags & proto.FrameFlag.RANGE) !== 0) {
      path.duplicateBytes += frame.data.length - this.#handleRange(path, streamId, offset, frame.data, now);
      return;
    }
    const { data } = frame;
    path.flowControl.onReceived(data.length);
    const stream = this.#streamOf(path, streamId);
    const receive = stream?.receive;
    if (stream === undefined || receive === undefined) {
      if (stream !== undefined) throw notReadable(streamId);
      this.consume(path, data.length);
      return;
    }
    const fin = (frame.flags & proto.FrameFlag.FIN) !== 0;
    const end = offset + data.length;
    const { writers } = this.#context;
    let fresh = 0;
    if (path.toPeer) {
      writers.requirePrimary(stream, offset, end, fin);
      fresh = this.#insert(path, stream, receive, { offset, data, fin });
    } else {
      for (const mine of writers.contributed(path, stream, offset, end)) {
        const part = data.subarray(mine.start - offset, mine.end - offset);
        fresh += this.#insert(path, stream, receive, { offset: mine.start, data: part, fin: false });
      }
    }
    const duplicate = data.length - fresh;
    path.duplicateBytes += duplicate;
    if (duplicate > 0) this.consume(path, duplicate);
    if (fresh > 0 || fin) this.#context.emit({ kind: 'readable', streamId });
    if (fresh > 0 && path.toPeer && (frame.flags & proto.FrameFlag.RETRANSMIT) !== 0) this.#askBeside(path, now);
    this.#context.retireIfDone(stream);
  }

  #askBeside(path: DataPath, now: number): void {
    for (const { id: pathId } of this.#context.doubtBeside(path, now)) this.#context.emit({ kind: 'doubtful', pathId });
  }

  /** Returns how many bytes were new. */
  #insert(path: DataPath, stream: StreamState, receive: ReceiveHalf, { offset, data, fin }: Written): number {
    this.#welcomeWriter(path, stream, receive);
    const { fresh, conflict } = receive.handleData(offset, data, fin, path.id);
    if (conflict !== undefined) this.#handleConflict(path.id, stream, conflict);
    return fresh;
  }

  /**
   * The bytes came before, and were others; what came first stays. Who writes them now is believed, so a server from which
   * they were taken was wrong, and as the reader may have read some of them, the stream fails. Bytes of the primary itself
   * are believed before all.
   */
  #handleConflict(pathId: PathId, stream: StreamState, origin: number): void {
    const byOther = origin !== pathId && stream.authority?.knows(origin as PathId) === true;
    if (!byOther) throw disagreement(stream.id);
    this.refuteWriter(stream.id, origin);
  }

  /** What a path wrote is known to be wrong, and the reader may have read some of it. */
  refuteWriter(streamId: StreamId, origin: number): void {
    const error = disagreement(streamId);
    this.#context.emit({ kind: 'failed', streamId, error });
    const writer = this.#context.path(origin as PathId);
    if (writer !== undefined) this.#context.emit({ kind: 'violation', pathId: writer.id, error });
  }

  #handleRaw(path: DataPath, { data, fromPathId }: proto.RawFrame): void {
    const from = fromPathId === undefined ? undefined : toPathId(fromPathId);
    this.#context.emit({ kind: 'raw', pathId: path.id, data, from });
  }

  /** Bytes that answer a range request; returns how many were wanted. */
  #handleRange(path: DataPath, streamId: StreamId, offset: number, data: Uint8Array, now: number): number {
    const sink = this.#context.rangeSink;
    if (sink === undefined) throw new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', 'this end asked for no ranges');
    return sink.handleRange(path.id, streamId, offset, data, now);
  }

  /** A server that begins to write into a stream is told what others were told before: its window, or its end. */
  #welcomeWriter(path: DataPath, stream: StreamState, receive: ReceiveHalf): void {
    if (receive.writers.has(path.id)) return;
    receive.writers.add(path.id);
    if (!path.toPeer && receive.maxOffset > receive.firstWindowBytes) {
      const maxOffset = BigInt(receive.maxOffset);
      path.queueFrame(`window ${stream.id}`, windowUpdateFrame({ streamId: stream.id, maxOffset }), true);
    }
    const code = receive.stopCode;
    if (code !== undefined) path.queueFrame(`stop ${stream.id}`, stopSendingFrame({ streamId: stream.id, code }), true);
  }

  #handleAck(path: DataPath, ack: proto.AckFrame, now: number): void {
    const named = ack.pathId === path.id ? path : this.#namedPath(path, ack);
    if (named === undefined) return;
    const result = named.sent.onAck(ack.ranges, ack.ackDelayUs, now);
    // What came by another path says when it arrived, but not how long this path takes.
    if (result.rttSampleMs !== undefined && named === path) {
      path.rtt.sample(result.rttSampleMs, ack.ackDelayUs / 1000, now);
    }
    if (result.ackedBytes > 0) {
      named.window.onAcked(result.ackedBytes, named === path ? result.pathRttMs : undefined, now);
      named.sendRate.onDelivered(result.ackedBytes, named.rtt.smoothedMs, now);
    }
    for (const { pieces } of result.acked) {
      for (const piece of pieces) {
        const stream = this.#context.streams.get(piece.streamId);
        if (stream?.send === undefined) continue;
        stream.send.handleAcked(piece);
        if (stream.send.flushed) this.#context.emit({ kind: 'flushed', streamId: stream.id });
        this.#context.retireIfDone(stream);
      }
    }
  }

  /** Acknowledgements of one path may come on another of the same peer; undefined when that path is gone. */
  #namedPath(path: DataPath, ack: proto.AckFrame): DataPath | undefined {
    const named = this.#context.path(toPathId(ack.pathId));
    // Other servers know nothing of these packets.
    if (!path.toPeer || named?.toPeer === false) {
      throw new KwikError(
        'ERR_KWIK_PROTOCOL_VIOLATION',
        `packets of path ${ack.pathId} acknowledged on path ${path.id}`,
      );
    }
    return named;
  }

  #handleWindowUpdate(path: DataPath, frame: proto.WindowUpdateFrame): void {
    const max = toLimit(frame.maxOffset);
    if (frame.streamId === undefined) {
      // Streams that only this window held back are with the picker still: none has to be looked for.
      path.flowControl.handleMax(max);
      return;
    }
    const stream = this.#streamOf(path, toStreamId(frame.streamId));
    if (stream?.send === undefined) return;
    stream.send.handleMaxOffset(max);
    this.#context.picker.add(stream);
  }

  #handleReset(path: DataPath, frame: proto.ResetStreamFrame): void {
    const stream = this.#streamOf(path, toStreamId(frame.streamId));
    if (stream === undefined) return;
    if (stream.receive === undefined) throw notReadable(stream.id);
    this.creditBack(stream.receive.handleReset(frame.code, toOffset(frame.finalSize)));
    this.#context.emit({ kind: 'readable', streamId: stream.id });
    this.#context.retireIfDone(stream);
  }

  #handleStopSending(path: DataPath, frame: proto.StopSendingFrame): void {
    // It may come before anything else of a stream that the peer opened (RFC 9000, section 3.2).
    const stream = this.#streamOf(path, toStreamId(frame.streamId));
    if (stream?.send === undefined) return;
    stream.send.handleStopSending(frame.code);
    stream.supply?.clear();
    this.#context.emit({ kind: 'writable', streamId: stream.id });
    // RFC 9000, section 3.5: a reset answers it. Without one neither end could ever forget the stream.
    this.#context.stopped(stream, frame.code);
  }

  #handleBlocked(path: DataPath, frame: proto.BlockedFrame): void {
    if (frame.streamId === undefined) {
      const limit = path.flowControl.takeUpdate(true);
      if (limit !== undefined) path.queueFrame('session window', windowUpdateFrame({ maxOffset: BigInt(limit) }));
      return;
    }
    const stream = this.#streamOf(path, toStreamId(frame.streamId));
    if (stream?.receive === undefined) return;
    if (!path.toPeer && !this.#context.writers.mayWrite(path, stream)) return;
    this.#welcomeWriter(path, stream, stream.receive);
    // The other writers are told as well: they may be waiting for the same limit, and it is not announced twice.
    if (stream.receive.takeWindowUpdate(true) !== undefined) this.#context.announceWindow(stream);
    const { maxOffset, stopCode, resetCode } = stream.receive;
    if (BigInt(maxOffset) <= frame.limit || stopCode !== undefined || resetCode !== undefined) return;
    path.queueFrame(
      `window ${stream.id}`,
      windowUpdateFrame({ streamId: stream.id, maxOffset: BigInt(maxOffset) }),
      true,
    );
  }

  /** The stream that a frame names; a secondary's frame never opens one at the client. */
  #streamOf(path: DataPath, id: StreamId): StreamState | undefined {
    const { role, streams, emit } = this.#context;
    if (role === 'secondary') return streams.get(id);
    if (!path.toPeer) return streams.require(id);
    const stream = streams.require(id, (opened) => emit({ kind: 'opened', stream: opened }));
    // Of a primary before this one it is over but for its content, which comes by ranges: whatever else is said of it is late.
    return stream?.attached === true ? undefined : stream;
  }
}

interface Written {
  readonly offset: number;
  readonly data: Uint8Array;
  readonly fin: boolean;
}

function disagreement(streamId: StreamId): KwikError {
  return new KwikError('ERR_KWIK_OFFSET_MISMATCH', `two servers wrote different bytes into stream ${streamId}`);
}

function toOffset(value: bigint): number {
  if (value > MAX_OFFSET) throw new KwikError('ERR_KWIK_INVALID_FRAME', `offset ${value} is beyond 2^53-1`);
  return Number(value);
}

/** A limit may be any 62-bit number; what lies beyond exact offsets is as good as none. */
function toLimit(value: bigint): number {
  return Number(value > MAX_OFFSET ? MAX_OFFSET : value);
}

function notOffered(what: string): KwikError {
  return new KwikError('ERR_KWIK_UNSUPPORTED', `the peer sends ${what}, which this end never offered`);
}

function notReadable(id: StreamId): KwikError {
  const kind = isUnidirectional(id) ? 'unidirectional ' : '';
  return new KwikError(
    'ERR_KWIK_PROTOCOL_VIOLATION',
    `the peer writes into ${kind}stream ${id}, which only this end writes`,
  );
}
