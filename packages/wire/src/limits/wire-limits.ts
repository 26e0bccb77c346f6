/** Bounds of the protocol. A peer that breaks one is refused before it costs memory. */

/** Largest packet, without its length prefix. The largest UDP payload; larger ones would hold a slow path hostage. */
export const MAX_PACKET_BYTES = 65_536;

/** A packet with its length prefix. */
export const MAX_FRAMED_PACKET_BYTES = MAX_PACKET_BYTES + 3;

/**
 * All that a packet of one stream frame holds beside its data, every field at its longest: packet number 10, type 2,
 * tag and length of frame, body and data 4 each, stream id 10, offset 10, flags 2, priority 2, checksum 5.
 */
export const MAX_PACKET_OVERHEAD_BYTES = 53;

/** The most data that one frame can carry, whatever its other fields are. */
export const MAX_FRAME_DATA_BYTES = MAX_PACKET_BYTES - MAX_PACKET_OVERHEAD_BYTES;

/** Frames in one packet: a packet of 64 kB full of small frames stays cheap to hold. */
export const MAX_FRAMES_PER_PACKET = 256;

/** Ranges in one acknowledgement; older ones are dropped by the sender of the acknowledgement. */
export const MAX_ACK_RANGES = 64;

/** Frames of a compressed packet once inflated: 4 to 1 is where compression pays; more is a bomb. */
export const MAX_INFLATED_BYTES = 4 * MAX_PACKET_BYTES;

/** Most urgent is 0, as in RFC 9218. */
export const MAX_STREAM_PRIORITY = 7;

/** RFC 9000, section 19.11: more streams could not be numbered in 62 bits. */
export const MAX_STREAM_COUNT = 1n << 60n;

/** Largest control message, without its length prefix. */
export const MAX_CONTROL_MESSAGE_BYTES = 65_536;

export const MAX_UINT32 = 0xffff_ffff;

/** Bounds of single fields of control messages, in bytes of UTF-8 or elements. */
export const CONTROL_LIMITS = {
  /** An error's or a close's one line. */
  reasonBytes: 512,
  /** `host:port`: a DNS name has at most 253 bytes, a port 5. */
  addressBytes: 264,
  serverNameBytes: 253,
  serverIdBytes: 128,
  agentBytes: 64,
  regionBytes: 64,
  mechanismBytes: 64,
  /** An authentication message: a bearer token, or a certificate chain. */
  authBytes: 16_384,
  /** Of the first stream, with the hello. */
  earlyBytes: 8_192,
  /** A signed envelope with its chain of certificates. */
  envelopeBytes: 16_384,
  /** Keys and values of a map together. */
  metadataBytes: 1_024,
  metadataEntries: 32,
  /** The opaque name of content. */
  contentKeyBytes: 1_024,
  /** Digests or raw bytes of one message: what MAX_CONTROL_MESSAGE_BYTES leaves beside the other fields, rounded. */
  bulkBytes: 61_440,
  /** A sealed session. */
  ticketBytes: 2_048,
  /** Of a client, as far as a sealed session holds it. */
  identityBytes: 1_024,
  /** Of primaries that a session has had. */
  grantKeys: 4,
  saltBytes: 64,
  paddingBytes: 1_024,
  versions: 16,
  capabilities: 32,
  mechanisms: 16,
  certificates: 8,
  listedPaths: 1_024,
  listedServers: 256,
  sources: 256,
  requestIds: 1_024,
  contributionRanges: 512,
  /** Attempts to connect through a relay that run side by side. */
  relayIds: 8,
  /** Names of one server. */
  anchors: 8,
} as const;
