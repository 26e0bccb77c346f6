import { decodeFrameList, encodeFrameList, KwikError, proto, type PacketInput } from '@kwik/wire';
import type { Natives } from '../natives.js';

/** Smaller packets save less than they cost. */
const MIN_BYTES = 512;
/** A compressed packet must be this much smaller to be worth inflating. */
const MAX_RATIO = 0.9;
/** Data that did not compress is tried again after so many packets, twice as many each time. */
const MAX_PAUSE = 256;

/** Compresses packets where it pays: it samples, and leaves alone for a while what did not get smaller. */
export class PacketCompressor {
  readonly #deflate: Natives['deflate'];
  #pause = 0;
  #nextPause = 1;

  constructor(deflate: Natives['deflate']) {
    this.#deflate = deflate;
  }

  compress(packet: PacketInput, payloadBytes: number): PacketInput {
    if (payloadBytes < MIN_BYTES) return packet;
    if (this.#pause > 0) {
      this.#pause--;
      return packet;
    }
    const frames = encodeFrameList(packet.frames);
    const compressed = this.#deflate(frames);
    if (compressed.length > frames.length * MAX_RATIO) {
      this.#pause = this.#nextPause;
      this.#nextPause = Math.min(MAX_PAUSE, 2 * this.#nextPause);
      return packet;
    }
    this.#nextPause = 1;
    return {
      packetNumber: packet.packetNumber,
      type: packet.type,
      frames: [],
      compression: { algorithm: proto.CompressionAlgorithm.DEFLATE, originalBytes: frames.length },
      compressedFrames: compressed,
    };
  }
}

/**
 * The frames of a packet, inflated if need be: to what it says, and no further than `maxBytes`, which is 0 where the two
 * ends did not agree on compression. Nothing is inflated before both are checked.
 */
export function framesOf(packet: proto.Packet, maxBytes: number, inflate: Natives['inflate']): readonly proto.Frame[] {
  const { compression } = packet;
  if (compression === undefined) return packet.frames;
  if (maxBytes === 0) {
    const refusal = 'the peer sends a compressed packet, and the two ends did not agree on compression';
    throw new KwikError('ERR_KWIK_UNSUPPORTED', refusal);
  }
  if (compression.algorithm !== proto.CompressionAlgorithm.DEFLATE) {
    throw new KwikError('ERR_KWIK_UNSUPPORTED', `a packet is compressed by algorithm ${compression.algorithm}`);
  }
  if (compression.originalBytes > maxBytes) {
    const sizes = `${compression.originalBytes} bytes once inflated; at most ${maxBytes} can have been sent`;
    throw new KwikError('ERR_KWIK_PACKET_TOO_LARGE', `a compressed packet of ${sizes}`);
  }
  let inflated: Uint8Array;
  try {
    inflated = inflate(packet.compressedFrames, Math.max(1, compression.originalBytes));
  } catch (cause) {
    throw new KwikError('ERR_KWIK_INVALID_PACKET', 'a compressed packet cannot be inflated', { cause });
  }
  if (inflated.length !== compression.originalBytes) {
    const sizes = `${inflated.length} bytes, it says ${compression.originalBytes}`;
    throw new KwikError('ERR_KWIK_INVALID_PACKET', `a compressed packet holds ${sizes}`);
  }
  return decodeFrameList(inflated);
}
