import { createHash } from 'node:crypto';

/** SHA-256 over nodes of a Merkle tree as RFC 6962, section 2.1, has them: leaves and inner nodes never hash alike. */
export type Hash = Uint8Array;

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);
export const HASH_BYTES = 32;

export function leafHash(leaf: Uint8Array): Hash {
  return createHash('sha256').update(LEAF).update(leaf).digest();
}

export function nodeHash(left: Hash, right: Hash): Hash {
  return createHash('sha256').update(NODE).update(left).update(right).digest();
}

/** Of a tree without leaves. */
export function emptyRoot(): Hash {
  return createHash('sha256').digest();
}

export function sameHash(one: Hash, other: Hash): boolean {
  return Buffer.compare(one, other) === 0;
}
