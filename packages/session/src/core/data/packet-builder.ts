import { ackFrame, MAX_FRAMES_PER_PACKET, MAX_PACKET_BYTES, proto, streamFrame } from '@kwik/wire';
import type { Piece } from '../streams/send-half.js';
import type { CopyQueue } from './copy-queue.js';
import type { StreamLane } from '../streams/stream-lane.js';
import type { StreamPicker } from '../streams/stream-picker.js';
import type { StreamState } from '../streams/stream-state.js';
import type { DataEvent } from './data-events.js';
import { frameBytes, type Carry, type ControlFrame, type DataPath, type RealStreamKey } from './data-path.js';

/** Bytes of a stream frame besides its payload, at the most: tags, a 62-bit id and offset, flags, two lengths. */
export const FRAME_OVERHEAD_BYTES = 32;
/** Control frames in one packet. */
const MAX_CONTROL_FRAMES = 64;
/** And their bytes: raw packets among them may be large. */
const MAX_CONTROL_BYTES = 32 * 1024;
/** Left free in the largest packet: number, checksum, and an acknowledgement of 64 ranges. */
const PACKET_OVERHEAD_BYTES = 4 * 1024;
/** One frame is left for the acknowledgement. */
const MAX_OTHER_FRAMES = MAX_FRAMES_PER_PACKET - 1;
/** Smaller pieces of a stream are not worth a frame of their own while others wait. */
const MIN_PIECE_BYTES = 64;

export interface OutgoingPacket {
  readonly packetNumber: bigint;
  readonly type: proto.PacketType;
  readonly frames: readonly proto.Frame[];
  readonly payloadBytes: number;
}

/** Fills the next packet of a path: acknowledgements and control frames first, then streams as the picker says. */
export class PacketBuilder {
  readonly #picker: StreamPicker;
  readonly #copies: CopyQueue;
  readonly #emit: (event: DataEvent) => void;

  /** Payload of streams that went out, again or for the first time. */
  sentStreamBytes = 0;

  constructor(picker: StreamPicker, copies: CopyQueue, emit: (event: DataEvent) => void) {
    this.#picker = picker;
    this.#copies = copies;
    this.#emit = emit;
  }

  /** @param others paths to the same peer whose acknowledgements may come along, because they stall there */
  build(
    path: DataPath,
    maxBytes: number,
    carry: Carry,
    now: number,
    others: readonly DataPath[] = NO_PATHS,
  ): OutgoingPacket | undefined {
    // All numbers are in use: the peer acknowledges nothing. It is for the failure detector to end that.
    if (path.sent.full) return undefined;
    const control = path.takeFrames(MAX_CONTROL_FRAMES, MAX_CONTROL_BYTES);
    const frames: proto.Frame[] = control.map(({ frame }) => frame);
    const pieces: Piece[] = [];
    const room = roomBeside(control);
    const carries = carry !== 'nothing' && maxBytes > 0 && canCarryData(path);
    let payload = carries ? this.#addCopies(path, frames, pieces, Math.min(maxBytes, room), room) : 0;
    if (carries && carry !== 'copies') {
      const lane = carry === 'all' ? this.#picker.upcoming() : carry;
      payload += this.#addStreams(path, frames, pieces, Math.min(maxBytes, room) - payload, lane);
    }
    const eliciting = frames.length > 0;
    // A packet that leaves anyway takes the acknowledgement along.
    const ack = eliciting ? path.acks.flush(now) : path.acks.poll(now);
    if (ack !== undefined) frames.unshift(ackFrame({ pathId: path.id, ...ack }));
    for (const other of others) {
      const late = other.acks.poll(now);
      if (late !== undefined) frames.unshift(ackFrame({ pathId: other.id, ...late }));
    }
    if (frames.length === 0) return undefined;
    path.realStreamKey = realStreamKeyOf(pieces, frames);
    for (const piece of pieces) piece.sentAtMs ??= now;
    const packetNumber = path.nextNumber();
    path.sent.record(packetNumber, payload, eliciting, { pieces, frames: withoutPathFrames(control) }, now);
    if (eliciting) path.window.onSent(payload);
    path.sentBytes += payload;
    this.sentStreamBytes += payload;
    return { packetNumber, type: packetType(pieces, payload, control.length > 0), frames, payloadBytes: payload };
  }

  /** A packet of one datagram, which is not sent again whatever becomes of it; undefined when the path takes none now. */
  buildDatagram(path: DataPath, frame: proto.Frame, payloadBytes: number, now: number): OutgoingPacket | undefined {
    if (path.sent.full || !canCarryData(path)) return undefined;
    const ack = path.acks.flush(now);
    const frames = ack === undefined ? [frame] : [ackFrame({ pathId: path.id, ...ack }), frame];
    path.realStreamKey = 'datagrams';
    const packetNumber = path.nextNumber();
    path.sent.record(packetNumber, payloadBytes, true, { pieces: [], frames: NO_FRAMES }, now);
    path.window.onSent(payloadBytes);
    path.sentBytes += payloadBytes;
    return { packetNumber, type: proto.PacketType.DATA, frames, payloadBytes };
  }

  #addStreams(
    path: DataPath,
    frames: proto.Frame[],
    pieces: Piece[],
    maxBytes: number,
    lane: StreamLane | undefined,
  ): number {
    if (lane === undefined) return 0;
    let room = Math.min(maxBytes, path.window.availableBytes);
    let payload = 0;
    const blocked: StreamState[] = [];
    while (room > FRAME_OVERHEAD_BYTES + MIN_PIECE_BYTES || (payload === 0 && room > 0)) {
      if (frames.length >= MAX_OTHER_FRAMES) break;
      const stream = this.#picker.next(lane);
      if (stream === undefined) break;
      const limit = Math.max(1, room - FRAME_OVERHEAD_BYTES);
      const taken = this.#takeFrom(stream, path, frames, pieces, limit);
      if (taken === undefined) {
        blocked.push(stream);
        continue;
      }
      this.#picker.add(stream);
      payload += taken;
      room -= taken + FRAME_OVERHEAD_BYTES;
    }
    for (const stream of blocked) this.#picker.add(stream);
    return payload;
  }

  /** Copies of what other paths have in flight go first: a reader waits for them. A piece larger than `maxBytes` goes alone. */
  #addCopies(path: DataPath, frames: proto.Frame[], pieces: Piece[], maxBytes: number, hardMax: number): number {
    let payload = 0;
    while (!this.#copies.emptyFor(path.id) && frames.length < MAX_OTHER_FRAMES) {
      const limit = (pieces.length === 0 ? hardMax : maxBytes) - payload - pieces.length * FRAME_OVERHEAD_BYTES;
      const piece = this.#copies.take(path.id, Math.min(limit, path.flowControl.sendCredit));
      if (piece === undefined) break;
      path.flowControl.onSent(piece.data.length);
      path.reinjectedBytes += piece.data.length;
      pieces.push(piece);
      frames.push(frameOf(piece, true));
      payload += piece.data.length;
    }
    return payload;
  }

  /** Bytes taken; undefined when the session's window holds the stream back. */
  #takeFrom(
    stream: StreamState,
    path: DataPath,
    frames: proto.Frame[],
    pieces: Piece[],
    limit: number,
  ): number | undefined {
    if (stream.send?.sendable === true) {
      const piece = stream.send.take(Math.min(limit, Math.max(path.flowControl.sendCredit, 0)));
      if (piece !== undefined) {
        const { mode } = stream.intent;
        if (mode !== 'bulk') piece.apart = mode;
        path.flowControl.onSent(piece.data.length);
        pieces.push(piece);
        frames.push(frameOf(piece));
        this.#emit({ kind: 'writable', streamId: stream.id });
        return piece.data.length;
      }
    }
    const supplied = stream.supply?.take(path.id, limit);
    if (supplied === undefined) return undefined;
    frames.push(
      streamFrame({ streamId: stream.id, offset: BigInt(supplied.offset), data: supplied.data, range: true }),
    );
    return supplied.data.length;
  }
}

/** In pieces worth a frame, or alone: a window that opens byte by byte must not be filled byte by byte. */
function canCarryData(path: DataPath): boolean {
  const { window } = path;
  const isRoom = window.inFlightBytes === 0 || window.availableBytes >= FRAME_OVERHEAD_BYTES + MIN_PIECE_BYTES;
  return isRoom && path.hasNumbersForData;
}

function roomBeside(control: readonly ControlFrame[]): number {
  const controlBytes = control.reduce((sum, { frame }) => sum + frameBytes(frame), 0);
  return Math.max(0, MAX_PACKET_BYTES - PACKET_OVERHEAD_BYTES - controlBytes);
}

function frameOf(piece: Piece, again = piece.again): proto.Frame {
  return streamFrame({
    streamId: piece.streamId,
    offset: BigInt(piece.offset),
    data: piece.data,
    fin: piece.fin,
    retransmit: again,
  });
}

/** Packets of one logical stream share a real stream; 0 for what belongs to none. */
function realStreamKeyOf(pieces: readonly Piece[], frames: readonly proto.Frame[]): RealStreamKey {
  if (pieces[0]?.apart !== undefined) return pieces[0].apart;
  const last = frames.at(-1)?.body;
  const streamId = pieces[0]?.streamId ?? (last?.$case === 'stream' ? last.value.streamId : 0n);
  return Number(BigInt.asUintN(31, streamId >> 2n));
}

function withoutPathFrames(control: readonly ControlFrame[]): readonly ControlFrame[] {
  return control.length === 0 ? NO_FRAMES : control.filter(({ outlivesPath }) => outlivesPath);
}

const NO_PATHS: readonly DataPath[] = [];
const NO_FRAMES: readonly ControlFrame[] = [];

function packetType(pieces: readonly Piece[], payload: number, control: boolean): proto.PacketType {
  if (pieces.some((piece) => piece.again)) return proto.PacketType.RETRANSMISSION;
  if (payload > 0 || pieces.length > 0) return proto.PacketType.DATA;
  return control ? proto.PacketType.CONTROL : proto.PacketType.ACKNOWLEDGEMENT;
}
