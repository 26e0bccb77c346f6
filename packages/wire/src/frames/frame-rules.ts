import { KwikError } from '../errors/kwik-error.js';
import { MAX_VARINT } from '../ids/ids.js';
import { MAX_UINT32 } from '../limits/wire-limits.js';

/** Below this no bigint arithmetic is needed to see that adding a frame's length stays below 2^62. */
const SURELY_SMALL = 1n << 61n;

export function invalidFrame(message: string): KwikError {
  return new KwikError('ERR_KWIK_INVALID_FRAME', message);
}

/** Ids, offsets, limits and counts: 62 bits, as QUIC's (RFC 9000, section 16). */
export function check62(value: bigint, name: string): void {
  if (value < 0n || value > MAX_VARINT) throw invalidFrame(`${name} ${value} is not from 0 to 2^62-1`);
}

export function checkUint32(value: number, name: string): void {
  if (!(Number.isInteger(value) && value >= 0 && value <= MAX_UINT32)) {
    throw invalidFrame(`${name} ${value} is not an unsigned 32-bit number`);
  }
}

/** The last byte's offset must fit 62 bits too (RFC 9000, section 19.8). */
export function checkExtent(offset: bigint, length: number): void {
  check62(offset, 'offset');
  if (offset >= SURELY_SMALL && offset + BigInt(length) > MAX_VARINT) {
    throw invalidFrame(`offset ${offset} and length ${length} reach beyond 2^62-1`);
  }
}
