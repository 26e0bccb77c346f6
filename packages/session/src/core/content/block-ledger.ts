import type { PathId } from '@kwik/wire';
import { RangeSet } from '../range-set.js';
import { BlockWindow } from './block-window.js';

/** One server's copy of one block while it arrives. Every copy has a single origin, so a wrong one names its server. */
export class BlockCopy {
  readonly received = new RangeSet();
  /** When the server first sent a later block, asked for later, before this one; Infinity while it has not. */
  passedAtMs = Number.POSITIVE_INFINITY;
  #bytes: Uint8Array | undefined;

  constructor(
    readonly block: number,
    readonly pathId: PathId,
    readonly length: number,
    readonly requestedAtMs: number,
  ) {}

  /** Every byte is here. */
  get whole(): boolean {
    return this.received.size === this.length;
  }

  /** The block, when it is whole. */
  get bytes(): Uint8Array | undefined {
    return this.whole ? this.#bytes : undefined;
  }

  /** Bytes of the block from `at` on; returns how many were not here before. */
  add(at: number, data: Uint8Array): number {
    const fresh = this.received.add(at, at + data.length);
    if (fresh === 0) return 0;
    // Only now: a block is asked for long before it comes.
    this.#bytes ??= new Uint8Array(this.length);
    this.#bytes.set(data, at);
    return fresh;
  }
}

interface BlockEntry {
  readonly copies: BlockCopy[];
  verified: boolean;
}

export interface ContentShape {
  readonly size: number;
  readonly blockBytes: number;
}

/** What is known of each block that is not yet done. Holds entries only between the first block missing and the last one touched. */
export class BlockLedger {
  readonly shape: ContentShape;
  readonly blockCount: number;
  readonly #entries = new BlockWindow<BlockEntry>();
  #head = 0;
  #verifiedBytes = 0;

  constructor(shape: ContentShape) {
    this.shape = shape;
    this.blockCount = Math.ceil(shape.size / shape.blockBytes);
  }

  /** The first block that is not verified; `blockCount` when all are. */
  get head(): number {
    return this.#head;
  }

  get complete(): boolean {
    return this.#head >= this.blockCount;
  }

  get verifiedBytes(): number {
    return this.#verifiedBytes;
  }

  startOf(block: number): number {
    return block * this.shape.blockBytes;
  }

  lengthOf(block: number): number {
    return Math.min(this.shape.blockBytes, this.shape.size - this.startOf(block));
  }

  /** Blocks that lie whole in front of `end` (an offset in the content). */
  blocksBefore(end: number): number {
    return end >= this.shape.size ? this.blockCount : Math.floor(end / this.shape.blockBytes);
  }

  isVerified(block: number): boolean {
    return block < this.#head || this.#entries.get(block)?.verified === true;
  }

  copies(block: number): readonly BlockCopy[] {
    return this.#entries.get(block)?.copies ?? [];
  }

  copy(block: number, pathId: PathId): BlockCopy | undefined {
    return this.copies(block).find((copy) => copy.pathId === pathId);
  }

  expect(block: number, pathId: PathId, now: number): BlockCopy {
    const entry = this.#entry(block);
    const copy = new BlockCopy(block, pathId, this.lengthOf(block), now);
    entry.copies.push(copy);
    return copy;
  }

  forget(copy: BlockCopy): void {
    const copies = this.#entries.get(copy.block)?.copies;
    const index = copies?.indexOf(copy) ?? -1;
    if (copies !== undefined && index >= 0) copies.splice(index, 1);
  }

  forgetPath(pathId: PathId): void {
    for (const entry of this.#entries.values()) {
      const index = entry.copies.findIndex((copy) => copy.pathId === pathId);
      if (index >= 0) entry.copies.splice(index, 1);
    }
  }

  /** The block is done; returns the copies that are not needed any more. */
  verify(block: number): BlockCopy[] {
    if (this.isVerified(block)) return [];
    const entry = this.#entry(block);
    entry.verified = true;
    this.#verifiedBytes += this.lengthOf(block);
    const left = entry.copies.splice(0);
    while (this.#entries.get(this.#head)?.verified === true) this.#entries.delete(this.#head++);
    return left;
  }

  #entry(block: number): BlockEntry {
    let entry = this.#entries.get(block);
    if (entry === undefined) {
      entry = { copies: [], verified: false };
      this.#entries.set(block, entry);
    }
    return entry;
  }
}
