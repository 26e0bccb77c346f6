/**
 * Base-128 varints of protobuf, little end first, for whole numbers up to 2^53 - 1. Larger values take the generated
 * code's way; no transfer that we have met gets there (2^53 bytes at 10 Gbit/s take 83 days).
 */

/** Bytes that `value` takes, 1 to 8. */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < 0x1000_0000) return 4;
  if (value < 0x8_0000_0000) return 5;
  if (value < 0x400_0000_0000) return 6;
  if (value < 0x2_0000_0000_0000) return 7;
  return 8;
}

/** Writes `value` at `position` and returns the position behind it. */
export function writeVarint(target: Uint8Array, position: number, value: number): number {
  let rest = value;
  let at = position;
  // Bit operations hold 31 bits only; above that by division.
  while (rest > 0x7fff_ffff) {
    target[at++] = rest % 0x80 | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  while (rest > 0x7f) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}

/** A uint64 field with its one-byte tag; 0 is absent, as proto3 says. */
export function fieldSize(value: number): number {
  return value === 0 ? 0 : 1 + varintSize(value);
}

export function writeField(target: Uint8Array, position: number, tag: number, value: number): number {
  if (value === 0) return position;
  target[position] = tag;
  return writeVarint(target, position + 1, value);
}

/** Reads within `[position, end)` of `bytes`; a value type, never shared between packets. */
export interface Cursor {
  readonly bytes: Uint8Array;
  position: number;
}

/** What `readVarint` returns for a varint that is cut off or longer than 7 bytes. */
export const UNUSUAL = -1;

/** The varint at the cursor, if it ends before `end` and takes at most 7 bytes (49 bits); else UNUSUAL. */
export function readVarint(cursor: Cursor, end: number): number {
  const { bytes } = cursor;
  let at = cursor.position;
  let value = 0;
  let scale = 1;
  const limit = Math.min(end, at + 7);
  while (at < limit) {
    const byte = bytes[at++] as number;
    if (byte < 0x80) {
      cursor.position = at;
      return value + byte * scale;
    }
    value += (byte & 0x7f) * scale;
    scale *= 0x80;
  }
  return UNUSUAL;
}
