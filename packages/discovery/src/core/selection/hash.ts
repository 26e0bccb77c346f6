const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
/** Of the finaliser of MurmurHash3, which makes each bit of the input count for each of the output. */
const MIX_1 = 0x85ebca6b;
const MIX_2 = 0xc2b2ae35;
const TWO_TO_32 = 2 ** 32;

/** A number above 0 and below 1 that follows from the text: FNV-1a, mixed. Not for secrets. */
export function hashToUnit(text: string): number {
  let hash = FNV_OFFSET;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), FNV_PRIME);
  hash = Math.imul(hash ^ (hash >>> 16), MIX_1);
  hash = Math.imul(hash ^ (hash >>> 13), MIX_2);
  return (((hash ^ (hash >>> 16)) >>> 0) + 0.5) / TWO_TO_32;
}
