/** Largest UDP payload of KWIK's QUIC packets. */
const DATAGRAM_BYTES = 1350;
/** IPv4 (20, RFC 791) and UDP (8, RFC 768), which the links count. */
const IP_UDP_BYTES = 28;
/**
 * What QUIC cannot do without in each of them: first byte (1), packet number (2), tag of the AEAD (16), header of one
 * STREAM frame (8). Connection ids, and all that KWIK adds, are not here: they count against KWIK.
 */
const QUIC_BYTES = 1 + 2 + 16 + 8;

/** Share of a link's bits that can be payload: 1323 of 1378 bytes, 0.960. */
export const PAYLOAD_SHARE = (DATAGRAM_BYTES - QUIC_BYTES) / (DATAGRAM_BYTES + IP_UDP_BYTES);

/** Mbit/s of payload that links of these rates allow together, each with its share of packets that get through. */
export function allowedMbit(links: readonly { readonly rateMbit: number; readonly lossRate?: number }[]): number {
  return links.reduce((sum, { rateMbit, lossRate = 0 }) => sum + rateMbit * (1 - lossRate), 0) * PAYLOAD_SHARE;
}
