import type { proto } from '@kwik/wire';
import { KwikError, MAX_DATAGRAM_BYTES, MAX_PACKET_BYTES } from '@kwik/wire';
import type { ClientLimits } from './api/options.js';
import { firstWindowBytes } from './core/streams/window-budget.js';

export type ResolvedLimits = Required<ClientLimits>;

/** Twice the bandwidth-delay product of 50 Mbit/s at 1.3 s, or of 1 Gbit/s at 65 ms. */
const STREAM_WINDOW_BYTES = 16 * 1024 * 1024;
const SESSION_WINDOW_BYTES = 32 * 1024 * 1024;
const SEND_BUFFER_BYTES = 1024 * 1024;
const MAX_STREAMS = 1024;
const MAX_PATHS = 16;
const MAX_RAW_PACKET_BYTES = 16 * 1024;
/** Commands between servers, not a way around the streams: no window bounds what a receiver must keep. */
const RAW_PACKETS_PER_SECOND = 1000;
const RAW_BYTES_PER_SECOND = 4 * 1024 * 1024;
/** Half at once: twice as many as a session has paths, and one each second to bring them back. */
const COMMANDED_DIALS_PER_MINUTE = 60;
/** Some 10 kB each to somebody who does not answer; a server that is away for good costs a dozen. */
const FAILED_COMMANDED_DIALS = 1000;
/** RFC 9001, section 6.6: the confidentiality limit of AES-GCM. Of ChaCha20-Poly1305 there is none to be met. */
const MAX_PACKETS_PER_KEY = 2 ** 23;
/** Fewer would be used up by a handshake and what follows it at once. */
const MIN_PACKETS_PER_KEY = 128;
const MAX_CONTROL_MESSAGE_BYTES = 64 * 1024;
const MAX_OUTSTANDING_RANGES = 4096;
/** What fits a packet and a control message beside the rest. */
const MAX_RAW_BYTES = 60 * 1024;
/** Smaller windows than a packet would stop every transfer. */
const MIN_WINDOW_BYTES = MAX_PACKET_BYTES;

/** With the defaults. Throws ERR_KWIK_INVALID_ARGUMENT for limits with which nothing could be sent. */
export function resolveLimits(limits: ClientLimits = {}): ResolvedLimits {
  const resolved: ResolvedLimits = {
    streamWindowBytes: limits.streamWindowBytes ?? STREAM_WINDOW_BYTES,
    pathWindowBytes: limits.pathWindowBytes ?? SESSION_WINDOW_BYTES,
    sendBufferBytes: limits.sendBufferBytes ?? SEND_BUFFER_BYTES,
    maxStreams: limits.maxStreams ?? MAX_STREAMS,
    maxPaths: limits.maxPaths ?? MAX_PATHS,
    maxRawPacketBytes: limits.maxRawPacketBytes ?? MAX_RAW_PACKET_BYTES,
    rawPacketsPerSecond: limits.rawPacketsPerSecond ?? RAW_PACKETS_PER_SECOND,
    rawBytesPerSecond: limits.rawBytesPerSecond ?? RAW_BYTES_PER_SECOND,
    commandedDialsPerMinute: limits.commandedDialsPerMinute ?? COMMANDED_DIALS_PER_MINUTE,
    packetsPerKey: requirePackets(limits.packetsPerKey),
    failedCommandedDials: limits.failedCommandedDials ?? FAILED_COMMANDED_DIALS,
  };
  for (const name of ['streamWindowBytes', 'pathWindowBytes'] as const) {
    if (resolved[name] < MIN_WINDOW_BYTES) {
      throw new KwikError(
        'ERR_KWIK_INVALID_ARGUMENT',
        `limits.${name} is ${resolved[name]}; the least is ${MIN_WINDOW_BYTES}`,
      );
    }
  }
  if (resolved.pathWindowBytes < resolved.streamWindowBytes) {
    throw new KwikError(
      'ERR_KWIK_INVALID_ARGUMENT',
      `limits.pathWindowBytes (${resolved.pathWindowBytes}) must not be below limits.streamWindowBytes (${resolved.streamWindowBytes})`,
    );
  }
  if (resolved.maxRawPacketBytes > MAX_RAW_BYTES) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `limits.maxRawPacketBytes goes up to ${MAX_RAW_BYTES}`);
  }
  return resolved;
}

function requirePackets(packetsPerKey = MAX_PACKETS_PER_KEY): number {
  if (packetsPerKey >= MIN_PACKETS_PER_KEY && packetsPerKey <= MAX_PACKETS_PER_KEY) return packetsPerKey;
  throw new KwikError(
    'ERR_KWIK_INVALID_ARGUMENT',
    `limits.packetsPerKey is ${packetsPerKey}; it goes from ${MIN_PACKETS_PER_KEY} to ${MAX_PACKETS_PER_KEY}`,
  );
}

/** Paths that a client opens to its primary have numbers from here on, but for the first; below are the primary's. */
export const FIRST_CLIENT_PATH_ID = 65_536;

/** And those that lead to the primary by way of relays: of a relay that the primary named, its path's number on top. */
export const FIRST_RELAYED_PATH_ID = 2 * FIRST_CLIENT_PATH_ID;

/** The same, of relays that the client chose. */
export const FIRST_OWN_RELAYED_PATH_ID = 3 * FIRST_CLIENT_PATH_ID;

/** What is announced to the peer. */
export function toProtoLimits(limits: ResolvedLimits, idleTimeoutMs: number): proto.Limits {
  return {
    maxControlMessageBytes: MAX_CONTROL_MESSAGE_BYTES,
    maxPacketBytes: MAX_PACKET_BYTES,
    maxBidiStreams: limits.maxStreams,
    maxUniStreams: limits.maxStreams,
    maxStreamDataBytes: BigInt(firstWindowBytes(limits.streamWindowBytes)),
    maxSessionDataBytes: BigInt(limits.pathWindowBytes),
    maxRawPacketBytes: limits.maxRawPacketBytes,
    idleTimeoutMs,
    maxPaths: limits.maxPaths,
    maxOutstandingRanges: MAX_OUTSTANDING_RANGES,
    maxDatagramBytes: MAX_DATAGRAM_BYTES,
  };
}

/** The silence that ends a connection: the smaller of both ends' holds, and 0 is none (RFC 9000, section 10.1). */
export function agreedIdleTimeoutMs(ownMs: number, peerMs: number): number {
  return Math.min(ownMs || peerMs, peerMs || ownMs);
}

/** What a peer announced, as the data plane takes it. */
export function peerStreamLimits(limits: proto.Limits): {
  maxBidiStreams: number;
  maxUniStreams: number;
  streamWindowBytes: number;
  pathWindowBytes: number;
  maxDatagramBytes: number;
} {
  return {
    maxBidiStreams: limits.maxBidiStreams,
    maxUniStreams: limits.maxUniStreams,
    streamWindowBytes: clamp(limits.maxStreamDataBytes),
    pathWindowBytes: clamp(limits.maxSessionDataBytes),
    maxDatagramBytes: Math.min(limits.maxDatagramBytes, MAX_DATAGRAM_BYTES),
  };
}

function clamp(value: bigint): number {
  const max = BigInt(Number.MAX_SAFE_INTEGER);
  return Number(value > max ? max : value);
}

/** The client opened it from a further address of its own, or to one of the primary's. */
export function isFurtherPath(id: number): boolean {
  return id >= FIRST_CLIENT_PATH_ID && id < FIRST_RELAYED_PATH_ID;
}
