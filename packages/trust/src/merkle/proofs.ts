import { KwikError } from '@kwik/wire';
import { emptyRoot, nodeHash, sameHash, type Hash } from './hashes.js';

/** Proofs of RFC 6962, sections 2.1.1 and 2.1.2; `leaves` are hashes of leaves. */

export function merkleRoot(leaves: readonly Hash[]): Hash {
  if (leaves.length === 0) return emptyRoot();
  return rootOf(leaves, 0, leaves.length);
}

/** Shows that leaf `index` is in the tree of the first `size` leaves. Throws ERR_KWIK_INVALID_ARGUMENT. */
export function inclusionProof(leaves: readonly Hash[], index: number, size = leaves.length): Hash[] {
  requireRange(index >= 0 && index < size && size <= leaves.length, `no leaf ${index} in ${size} of ${leaves.length}`);
  const path = (m: number, begin: number, end: number): Hash[] => {
    if (end - begin === 1) return [];
    const middle = begin + splitOf(end - begin);
    return m < middle
      ? [...path(m, begin, middle), rootOf(leaves, middle, end)]
      : [...path(m, middle, end), rootOf(leaves, begin, middle)];
  };
  return path(index, 0, size);
}

/** Shows that the tree of the first `before` leaves is the beginning of that of the first `size`. */
export function consistencyProof(leaves: readonly Hash[], before: number, size = leaves.length): Hash[] {
  requireRange(before > 0 && before <= size && size <= leaves.length, `no tree of ${before} within one of ${size}`);
  const subproof = (begin: number, end: number, whole: boolean): Hash[] => {
    if (before === end) return whole ? [] : [rootOf(leaves, begin, end)];
    const middle = begin + splitOf(end - begin);
    return before <= middle
      ? [...subproof(begin, middle, whole), rootOf(leaves, middle, end)]
      : [...subproof(middle, end, false), rootOf(leaves, begin, middle)];
  };
  return subproof(0, size, true);
}

export interface Inclusion {
  readonly leaf: Hash;
  readonly index: number;
  readonly size: number;
  readonly root: Hash;
}

/** As RFC 9162, section 2.1.3.2, has it. False for proofs that are too long or too short as well. */
export function verifyInclusion({ leaf, index, size, root }: Inclusion, proof: readonly Hash[]): boolean {
  if (!isIndex(index) || !isIndex(size) || index >= size) return false;
  let node = index;
  let last = size - 1;
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      hash = nodeHash(sibling, hash);
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else {
      hash = nodeHash(hash, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && sameHash(hash, root);
}

export interface Consistency {
  readonly before: number;
  readonly beforeRoot: Hash;
  readonly size: number;
  readonly root: Hash;
}

/** As RFC 9162, section 2.1.4.2, has it. */
export function verifyConsistency({ before, beforeRoot, size, root }: Consistency, proof: readonly Hash[]): boolean {
  if (!isIndex(before) || !isIndex(size) || before < 1 || before > size) return false;
  if (before === size) return proof.length === 0 && sameHash(beforeRoot, root);
  // A tree that is a full subtree of the later one is not repeated in the proof.
  const path = isPowerOfTwo(before) ? [beforeRoot, ...proof] : [...proof];
  const first = path.shift();
  if (first === undefined) return false;
  let node = before - 1;
  let last = size - 1;
  while (node % 2 === 1) [node, last] = [half(node), half(last)];
  let old = first;
  let all = first;
  for (const sibling of path) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      old = nodeHash(sibling, old);
      all = nodeHash(sibling, all);
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else {
      all = nodeHash(all, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && sameHash(old, beforeRoot) && sameHash(all, root);
}

function rootOf(leaves: readonly Hash[], begin: number, end: number): Hash {
  if (end - begin === 1) return leaves[begin]!;
  const middle = begin + splitOf(end - begin);
  return nodeHash(rootOf(leaves, begin, middle), rootOf(leaves, middle, end));
}

/** The largest power of two below `count`. */
function splitOf(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}

const half = (value: number): number => Math.floor(value / 2);

function isIndex(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isPowerOfTwo(value: number): boolean {
  return splitOf(value + 1) === value;
}

function requireRange(holds: boolean, text: string): void {
  if (!holds) throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', text);
}
