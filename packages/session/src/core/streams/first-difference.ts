/** Bytes that are compared at a time: a copy of a piece that came before is compared whole. */
const WORD_BYTES = 4;

/** Where two arrays of the same length differ first; their length when they do not. */
export function firstDifference(one: Uint8Array, other: Uint8Array): number {
  const words = new DataView(one.buffer, one.byteOffset, one.length);
  const otherWords = new DataView(other.buffer, other.byteOffset, other.length);
  let at = 0;
  while (at + WORD_BYTES <= one.length && words.getUint32(at) === otherWords.getUint32(at)) at += WORD_BYTES;
  while (at < one.length && one[at] === other[at]) at++;
  return at;
}
