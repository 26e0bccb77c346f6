import type { Crc32 } from '@kwik/wire';

/**
 * Functions that the core takes as arguments, because JavaScript alone could not do them fast enough. They are pure: the
 * same bytes give the same result, and nothing is remembered.
 */
export interface Natives {
  /** CRC-32 of IEEE 802.3, as an unsigned number. */
  readonly crc32: Crc32;
  /** The 32 bytes of the digest (FIPS 180-4). */
  readonly sha256: (bytes: Uint8Array) => Uint8Array;
  /** Raw DEFLATE (RFC 1951), for speed rather than size. */
  readonly deflate: (bytes: Uint8Array) => Uint8Array;
  /** What was deflated. Throws for bytes that are no DEFLATE, and once the result has more than `maxBytes`, at least 1. */
  readonly inflate: (bytes: Uint8Array, maxBytes: number) => Uint8Array;
}
