import { ackFrame, proto, streamFrame } from '@kwik/wire';
import type { Piece } from '../streams/send-half.js';
import type { StreamPicker } from '../streams/stream-picker.js';
import type { StreamState } from '../streams/stream-state.js';
import type { DataEvent } from './data-events.js';
import type { DataPath } from './data-path.js';

/** Bytes of a stream frame besides its payload, at the most: tags, a 62-bit id and offset, flags, two lengths. */
const FRAME_OVERHEAD_BYTES = 32;
/** Control frames in one packet. */
const MAX_CONTROL_FRAMES = 64;
/** Smaller pieces of a stream are not worth a frame of their own while others wait. */
const MIN_PIECE_BYTES = 64;

export interface OutgoingPacket {
  readonly packetNumber: bigint;
  readonly type: proto.PacketType;
  readonly frames: readonly proto.Frame[];
}

/** Fills the next packet of a path: acknowledgements and control frames first, then streams as the picker says. */
export class PacketBuilder {
  readonly #picker: StreamPicker;
  readonly #emit: (event: DataEvent) => void;

  constructor(picker: StreamPicker, emit: (event: DataEvent) => void) {
    this.#picker = picker;
    this.#emit = emit;
  }

  build(path: DataPath, maxBytes: number, carriesData: boolean, now: number): OutgoingPacket | undefined {
    const frames: proto.Frame[] = path.takeFrames(MAX_CONTROL_FRAMES);
    const control = frames.length > 0;
    const pieces: Piece[] = [];
    let payload = 0;
    if (carriesData && path.window.canSend(1)) payload = this.#addStreams(path, frames, pieces, maxBytes);
    const ackDue = path.acks.ackDueAtMs();
    if (ackDue !== undefined && (frames.length > 0 || ackDue <= now)) {
      const ack = path.acks.poll(now);
      if (ack !== undefined) frames.unshift(ackFrame({ pathId: path.id, ...ack }));
    }
    if (frames.length === 0) return undefined;
    const packetNumber = path.sent.nextNumber();
    const eliciting = control || payload > 0 || pieces.length > 0;
    path.sent.record(packetNumber, payload, eliciting, pieces, now);
    if (eliciting) path.window.onSent(payload);
    path.sentBytes += payload;
    return { packetNumber, type: packetType(pieces, payload, control), frames };
  }

  #addStreams(path: DataPath, frames: proto.Frame[], pieces: Piece[], maxBytes: number): number {
    let room = Math.min(maxBytes, path.window.availableBytes);
    let payload = 0;
    const blocked: StreamState[] = [];
    while (room > FRAME_OVERHEAD_BYTES + MIN_PIECE_BYTES || (payload === 0 && room > 0)) {
      const stream = this.#picker.next();
      if (stream === undefined) break;
      const limit = Math.max(1, room - FRAME_OVERHEAD_BYTES);
      const taken = this.#takeFrom(stream, path, frames, pieces, limit);
      if (taken === undefined) {
        blocked.push(stream);
        continue;
      }
      this.#picker.offer(stream);
      payload += taken;
      room -= taken + FRAME_OVERHEAD_BYTES;
    }
    for (const stream of blocked) this.#picker.offer(stream);
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
      const credit = path.session.sendCredit;
      if (credit > 0 || stream.send.queuedBytes === 0) {
        const piece = stream.send.take(Math.min(limit, Math.max(credit, 0)));
        if (piece !== undefined) {
          path.session.onSent(piece.data.length);
          pieces.push(piece);
          frames.push(
            streamFrame({
              streamId: stream.id,
              offset: BigInt(piece.offset),
              data: piece.data,
              fin: piece.fin,
              retransmit: piece.again,
            }),
          );
          this.#emit({ kind: 'writable', streamId: stream.id });
          return piece.data.length;
        }
      } else if (stream.supply?.hasData !== true) return undefined;
    }
    const supplied = stream.supply?.take(limit);
    if (supplied === undefined) return undefined;
    frames.push(
      streamFrame({ streamId: stream.id, offset: BigInt(supplied.offset), data: supplied.data, range: true }),
    );
    return supplied.data.length;
  }
}

function packetType(pieces: readonly Piece[], payload: number, control: boolean): proto.PacketType {
  if (pieces.some((piece) => piece.again)) return proto.PacketType.RETRANSMISSION;
  if (payload > 0 || pieces.length > 0) return proto.PacketType.DATA;
  return control ? proto.PacketType.CONTROL : proto.PacketType.ACKNOWLEDGEMENT;
}
