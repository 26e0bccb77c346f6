import { KwikError } from '../errors/kwik-error.js';

/** Tag of `Packet.checksum`: field 15, fixed32. */
export const CHECKSUM_TAG = 0x7d;
/** Tag and value. */
export const CHECKSUM_FIELD_BYTES = 5;

/**
 * CRC-32 of IEEE 802.3, as an unsigned number. The codec takes it as an argument, for Node has it (`crc32` of `node:zlib`)
 * ten times as fast as JavaScript could.
 */
export type Crc32 = (bytes: Uint8Array) => number;

export function writeChecksum(target: Uint8Array, position: number, checksum: number): void {
  target[position] = CHECKSUM_TAG;
  target[position + 1] = checksum & 0xff;
  target[position + 2] = (checksum >>> 8) & 0xff;
  target[position + 3] = (checksum >>> 16) & 0xff;
  target[position + 4] = checksum >>> 24;
}

export interface VerifiedBytes {
  /** Length of what the checksum covers. */
  readonly coveredBytes: number;
  readonly checksum: number;
}

/**
 * Checks the checksum field at the end of a packet. A CRC of 0 is a default value of proto3 and so may be absent:
 * then the whole packet must have the CRC 0.
 */
export function verifyChecksum(bytes: Uint8Array, crc32: Crc32): VerifiedBytes {
  const at = bytes.length - CHECKSUM_FIELD_BYTES;
  if (at >= 0 && bytes[at] === CHECKSUM_TAG) {
    const stated = readUint32(bytes, at + 1);
    if (crc32(bytes.subarray(0, at)) === stated) return { coveredBytes: at, checksum: stated };
  }
  if (crc32(bytes) === 0) return { coveredBytes: bytes.length, checksum: 0 };
  throw new KwikError('ERR_KWIK_CHECKSUM_MISMATCH', `checksum of a packet of ${bytes.length} bytes does not match`);
}

function readUint32(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16);
  return (low | ((bytes[at + 3] as number) << 24)) >>> 0;
}
