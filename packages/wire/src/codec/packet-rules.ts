import { KwikError } from '../errors/kwik-error.js';
import { checkAckFrame } from '../frames/ack-frame.js';
import { checkBlockedFrame } from '../frames/blocked-frame.js';
import { checkDatagramFrame } from '../frames/datagram-frame.js';
import { invalidFrame } from '../frames/frame-rules.js';
import { checkMaxStreamsFrame } from '../frames/max-streams-frame.js';
import { checkPingFrame } from '../frames/ping-frame.js';
import { checkRawFrame } from '../frames/raw-frame.js';
import { checkResetStreamFrame } from '../frames/reset-stream-frame.js';
import { checkSealedFrame } from '../frames/sealed-frame.js';
import { checkStopSendingFrame } from '../frames/stop-sending-frame.js';
import { checkStreamFrame } from '../frames/stream-frame.js';
import { checkWindowUpdateFrame } from '../frames/window-update-frame.js';
import { CompressionAlgorithm, type Compression, type Frame, PacketType } from '../gen/kwik/v1/data.js';
import { MAX_VARINT } from '../ids/ids.js';
import { MAX_FRAMES_PER_PACKET, MAX_INFLATED_BYTES } from '../limits/wire-limits.js';

/** A packet as a sender gives it; the checksum is the codec's. */
export interface PacketInput {
  /** In the space of the path that carries the packet; below 2^62. */
  readonly packetNumber: bigint;
  readonly type: PacketType;
  readonly frames: readonly Frame[];
  /** Given when the frames travel as `compressedFrames`; then `frames` is empty. */
  readonly compression?: Compression | undefined;
  /** A compressed FrameList (`encodeFrameList`). */
  readonly compressedFrames?: Uint8Array | undefined;
}

/** Checks everything that needs no state. Throws ERR_KWIK_INVALID_PACKET or ERR_KWIK_INVALID_FRAME. */
export function validatePacket(packet: PacketInput): void {
  const { packetNumber, type, frames } = packet;
  if (packetNumber < 0n || packetNumber > MAX_VARINT) throw invalidPacket(`packet number ${packetNumber}`);
  if (!isPacketType(type)) throw invalidPacket(`packet type ${type}`);
  checkFrames(frames);
  if (packet.compression === undefined) {
    if ((packet.compressedFrames?.length ?? 0) > 0) throw invalidPacket('compressed frames without compression');
    return;
  }
  checkCompression(packet, packet.compression);
}

/** The rules of every frame, and how many there may be. */
export function checkFrames(frames: readonly Frame[]): void {
  checkFrameCount(frames.length);
  for (const frame of frames) checkFrame(frame);
}

export function checkFrameCount(count: number): void {
  if (count > MAX_FRAMES_PER_PACKET) throw invalidPacket(`more than ${MAX_FRAMES_PER_PACKET} frames`);
}

export function invalidPacket(message: string): KwikError {
  return new KwikError('ERR_KWIK_INVALID_PACKET', `invalid packet: ${message}`);
}

function isPacketType(type: number): boolean {
  return Number.isInteger(type) && type > PacketType.UNSPECIFIED && type <= PacketType.RETRANSMISSION;
}

function checkCompression(packet: PacketInput, compression: Compression): void {
  const { algorithm, originalBytes } = compression;
  if (algorithm !== CompressionAlgorithm.DEFLATE && algorithm !== CompressionAlgorithm.BROTLI) {
    throw invalidPacket(`compression algorithm ${algorithm}`);
  }
  if (packet.frames.length > 0) throw invalidPacket('frames beside compressed frames');
  if ((packet.compressedFrames?.length ?? 0) === 0) throw invalidPacket('compression without compressed frames');
  if (!Number.isInteger(originalBytes) || originalBytes < 1 || originalBytes > MAX_INFLATED_BYTES) {
    throw invalidPacket(`inflates to ${originalBytes}`);
  }
}

function checkFrame(frame: Frame): void {
  const { body } = frame;
  if (body === undefined) throw invalidFrame('frame of an unknown kind');
  switch (body.$case) {
    case 'stream':
      return checkStreamFrame(body.value);
    case 'ack':
      return checkAckFrame(body.value);
    case 'windowUpdate':
      return checkWindowUpdateFrame(body.value);
    case 'resetStream':
      return checkResetStreamFrame(body.value);
    case 'stopSending':
      return checkStopSendingFrame(body.value);
    case 'raw':
      return checkRawFrame(body.value);
    case 'ping':
      return checkPingFrame(body.value);
    case 'blocked':
      return checkBlockedFrame(body.value);
    case 'sealed':
      return checkSealedFrame(body.value);
    case 'maxStreams':
      return checkMaxStreamsFrame(body.value);
    case 'datagram':
      return checkDatagramFrame(body.value);
    default:
      return unreachable(body);
  }
}

function unreachable(body: never): never {
  throw invalidFrame(`frame of an unknown kind ${JSON.stringify(body)}`);
}
