import { KwikError, MAX_CONTROL_MESSAGE_BYTES, MAX_PACKET_BYTES, type proto } from '@kwik/wire';

/** What holds in version 1 where a side says nothing (zero). */
export const DEFAULT_LIMITS: Readonly<proto.Limits> = {
  maxControlMessageBytes: MAX_CONTROL_MESSAGE_BYTES,
  maxPacketBytes: MAX_PACKET_BYTES,
  maxBidiStreams: 256,
  maxUniStreams: 256,
  maxStreamDataBytes: 1_048_576n,
  maxSessionDataBytes: 4_194_304n,
  // What fits into a control message beside its other fields.
  maxRawPacketBytes: 60_000,
  idleTimeoutMs: 30_000,
  maxPaths: 16,
  maxOutstandingRanges: 64,
  // A peer that says nothing of datagrams knows none.
  maxDatagramBytes: 0,
};

/** A hello with a token and a chain must fit; a peer that allows less could not be talked to. */
const MIN_CONTROL_MESSAGE_BYTES = 16_384;
/** A datagram's worth; smaller packets would be all header. */
const MIN_PACKET_BYTES = 1_200;

/** What a peer announced, with the version's defaults for what it left out. Throws ERR_KWIK_INVALID_MESSAGE. */
export function resolveLimits(announced: proto.Limits | undefined): proto.Limits {
  const said = announced ?? DEFAULT_LIMITS;
  const limits: proto.Limits = {
    maxControlMessageBytes: said.maxControlMessageBytes || DEFAULT_LIMITS.maxControlMessageBytes,
    maxPacketBytes: said.maxPacketBytes || DEFAULT_LIMITS.maxPacketBytes,
    maxBidiStreams: said.maxBidiStreams || DEFAULT_LIMITS.maxBidiStreams,
    maxUniStreams: said.maxUniStreams || DEFAULT_LIMITS.maxUniStreams,
    maxStreamDataBytes: said.maxStreamDataBytes || DEFAULT_LIMITS.maxStreamDataBytes,
    maxSessionDataBytes: said.maxSessionDataBytes || DEFAULT_LIMITS.maxSessionDataBytes,
    maxRawPacketBytes: said.maxRawPacketBytes || DEFAULT_LIMITS.maxRawPacketBytes,
    idleTimeoutMs: said.idleTimeoutMs || DEFAULT_LIMITS.idleTimeoutMs,
    maxPaths: said.maxPaths || DEFAULT_LIMITS.maxPaths,
    maxOutstandingRanges: said.maxOutstandingRanges || DEFAULT_LIMITS.maxOutstandingRanges,
    maxDatagramBytes: said.maxDatagramBytes,
  };
  if (limits.maxControlMessageBytes < MIN_CONTROL_MESSAGE_BYTES || limits.maxPacketBytes < MIN_PACKET_BYTES) {
    const least = `${MIN_CONTROL_MESSAGE_BYTES} bytes for control messages and ${MIN_PACKET_BYTES} for packets`;
    throw new KwikError('ERR_KWIK_INVALID_MESSAGE', `the peer's limits are below ${least}`);
  }
  return limits;
}
