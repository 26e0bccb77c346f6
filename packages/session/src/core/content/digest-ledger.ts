import { KwikError } from '@kwik/wire';
import type { Natives } from '../natives.js';
import { BlockWindow } from './block-window.js';

const DIGEST_BYTES = 32;
/** Digests kept of blocks that are not done: 4 GB of blocks of 64 kB. An honest primary sends those of 256 MB ahead. */
const MAX_HELD_DIGESTS = 65_536;

/** Digests of consecutive blocks, as they came. */
interface Part {
  readonly firstBlock: number;
  readonly digests: Uint8Array;
}

/** Digests of blocks as the primary sends them, in order. Keeps those of blocks that are not done yet. */
export class DigestLedger {
  readonly #blockCount: number;
  readonly #sha256: Natives['sha256'];
  readonly #parts = new BlockWindow<Part>();
  #next = 0;
  /** Of the block before `#next`. */
  #last: Uint8Array | undefined;

  constructor(blockCount: number, sha256: Natives['sha256']) {
    this.#blockCount = blockCount;
    this.#sha256 = sha256;
  }

  /** The digests of all blocks before this one have come. */
  get end(): number {
    return this.#next;
  }

  /**
   * Takes consecutive digests; returns the blocks of which they are news. Those that came before come again when the
   * primary has lost the path that brought them: the first ones stay.
   */
  add(firstBlock: number, digests: Uint8Array): { first: number; end: number } {
    const count = digests.length / DIGEST_BYTES;
    if (firstBlock > this.#next || !Number.isInteger(count) || firstBlock + count > this.#blockCount) {
      throw new KwikError(
        'ERR_KWIK_INVALID_MESSAGE',
        `digests from block ${firstBlock} (${digests.length} bytes), expected whole ones from block ${this.#next}`,
      );
    }
    if (this.#parts.size + firstBlock + count - this.#next > MAX_HELD_DIGESTS) {
      throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', `more than ${MAX_HELD_DIGESTS} digests ahead of the content`, {
        scope: 'peer',
      });
    }
    const first = this.#next;
    // One object for all of them: they are kept for long, and may be many.
    const part: Part = { firstBlock, digests };
    for (; this.#next < firstBlock + count; this.#next++) this.#parts.set(this.#next, part);
    if (this.#next > first) this.#last = digests.slice(-DIGEST_BYTES);
    return { first, end: this.#next };
  }

  /** Whether another server means the same content: of the last block that both tell of, the digests are the same. */
  agrees(firstBlock: number, digests: Uint8Array): boolean {
    const at = (this.#next - 1 - firstBlock) * DIGEST_BYTES;
    if (this.#last === undefined || at < 0 || at >= digests.length) return true;
    return this.#last.every((byte, index) => byte === digests[at + index]);
  }

  /** Whether the bytes are the block's; undefined while its digest has not come. */
  check(block: number, bytes: Uint8Array): boolean | undefined {
    const part = this.#parts.get(block);
    if (part === undefined) return undefined;
    const at = (block - part.firstBlock) * DIGEST_BYTES;
    return this.#sha256(bytes).every((byte, index) => byte === part.digests[at + index]);
  }

  forget(block: number): void {
    this.#parts.delete(block);
  }
}
