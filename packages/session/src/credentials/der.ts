/** Writes, and walks through, what a certificate consists of (X.690, DER): as much of it as a development certificate takes. */

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  utf8: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

const CONTEXT = 0x80;
const CONSTRUCTED = 0x20;
/** Years from here on have four digits (RFC 5280, section 4.1.2.5). */
const FIRST_LONG_YEAR = 2050;

export function element(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Uint8Array.of(tag), lengthOf(content.length), content]);
}

export function sequence(...contents: readonly Uint8Array[]): Buffer {
  return element(TAG.sequence, ...contents);
}

/** The field of this number: one that holds others, or bytes in the place of the type that they have. */
export function field(number: number, holds: 'others' | 'bytes', ...contents: readonly Uint8Array[]): Buffer {
  return element(CONTEXT | (holds === 'others' ? CONSTRUCTED : 0) | number, ...contents);
}

/** Of a number without sign, the highest byte first. */
export function integer(bytes: Uint8Array): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0);
  if (first < 0) return element(TAG.integer, Uint8Array.of(0));
  const digits = bytes.subarray(first);
  // The highest bit would be taken for a sign.
  return digits[0]! < 0x80 ? element(TAG.integer, digits) : element(TAG.integer, Uint8Array.of(0), digits);
}

export const TRUE = element(TAG.boolean, Uint8Array.of(0xff));

/** `unused`: bits at the end that do not count. */
export function bitString(bytes: Uint8Array, unused = 0): Buffer {
  return element(TAG.bitString, Uint8Array.of(unused), bytes);
}

/** `1.2.840.10045.4.3.2`. */
export function objectId(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  return element(TAG.objectId, ...[first * 40 + second, ...rest].map(base128));
}

/** To the second. */
export function time(date: Date): Buffer {
  const digits = date.toISOString().replaceAll(/[-:T]|\.\d+/gu, '');
  return date.getUTCFullYear() < FIRST_LONG_YEAR
    ? element(TAG.utcTime, Buffer.from(digits.slice(2)))
    : element(TAG.generalizedTime, Buffer.from(digits));
}

/** The elements that stand in the first one, whole: for DER that was written here, or has been read by OpenSSL. */
export function childrenOf(der: Uint8Array): Uint8Array[] {
  const { start, end } = contentOf(der);
  const children: Uint8Array[] = [];
  for (let at = start; at < end; ) {
    const size = contentOf(der.subarray(at)).end;
    children.push(der.subarray(at, at + size));
    at += size;
  }
  return children;
}

/** Lengths from 128 on have their number of bytes first (X.690, section 8.1.3.5). */
function lengthOf(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  const bytes: number[] = [];
  for (let left = length; left > 0; left = Math.floor(left / 0x100)) bytes.unshift(left % 0x100);
  return Uint8Array.of(0x80 | bytes.length, ...bytes);
}

function contentOf(der: Uint8Array): { start: number; end: number } {
  const first = der[1]!;
  if (first < 0x80) return { start: 2, end: 2 + first };
  const start = 2 + (first & 0x7f);
  const length = der.subarray(2, start).reduce((sum, byte) => sum * 0x100 + byte, 0);
  return { start, end: start + length };
}

function base128(value: number): Uint8Array {
  const bytes = [value % 0x80];
  for (let left = Math.floor(value / 0x80); left > 0; left = Math.floor(left / 0x80)) {
    bytes.unshift(0x80 | left % 0x80);
  }
  return Uint8Array.from(bytes);
}
