import { KwikError } from '@kwik/wire';
import { emptyRoot, HASH_BYTES, nodeHash, type Hash } from './hashes.js';

/**
 * The right edge of a Merkle tree: the roots of its full subtrees, the largest first, as many as the size has bits that are
 * one. It is all that is needed to add leaves and to know the root, so a log of any length costs a few hashes of memory.
 */
export class CompactRange {
  #size: number;
  readonly #edge: Hash[];

  private constructor(size: number, edge: readonly Hash[]) {
    this.#size = size;
    this.#edge = [...edge];
  }

  static empty(): CompactRange {
    return new CompactRange(0, []);
  }

  /** Throws ERR_KWIK_INVALID_ARGUMENT where size and edge do not go together. */
  static from(size: number, edge: readonly Hash[]): CompactRange {
    if (!Number.isSafeInteger(size) || size < 0 || edge.length !== onesOf(size)) {
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `a tree of ${size} leaves has no edge of ${edge.length} hashes`);
    }
    if (edge.some((hash) => hash.length !== HASH_BYTES)) {
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `a hash has ${HASH_BYTES} bytes`);
    }
    return new CompactRange(size, edge);
  }

  /** Leaves. */
  get size(): number {
    return this.#size;
  }

  get edge(): readonly Hash[] {
    return [...this.#edge];
  }

  append(leaf: Hash): void {
    let hash = leaf;
    // A carry of binary addition: each full subtree of the same size joins the new one.
    for (let size = this.#size; size % 2 === 1; size = Math.floor(size / 2)) hash = nodeHash(this.#edge.pop()!, hash);
    this.#edge.push(hash);
    this.#size++;
  }

  root(): Hash {
    const smallest = this.#edge.at(-1);
    if (smallest === undefined) return emptyRoot();
    return this.#edge.slice(0, -1).reduceRight((right, left) => nodeHash(left, right), smallest);
  }

  clone(): CompactRange {
    return new CompactRange(this.#size, this.#edge);
  }
}

function onesOf(size: number): number {
  let ones = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) ones += rest % 2;
  return ones;
}
