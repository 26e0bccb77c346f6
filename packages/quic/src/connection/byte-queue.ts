const BLOCK_BYTES = 16 * 1024;
/** Free blocks kept for the next writes of an endpoint: 4 MiB. */
const MAX_FREE_BLOCKS = 256;

/** Blocks of memory that byte queues share and give back. */
export class BlockPool {
  private readonly free: Uint8Array[] = [];

  take(): Uint8Array {
    return this.free.pop() ?? new Uint8Array(BLOCK_BYTES);
  }

  give(block: Uint8Array): void {
    if (this.free.length < MAX_FREE_BLOCKS) this.free.push(block);
  }
}

/** First in, first out, by copy: what was written and not yet handed to the backend. */
export class ByteQueue {
  private readonly blocks: Uint8Array[] = [];
  private head = 0;
  private tail = BLOCK_BYTES;
  private size = 0;

  constructor(private readonly pool: BlockPool) {}

  get length(): number {
    return this.size;
  }

  push(data: Uint8Array): void {
    let done = 0;
    while (done < data.length) {
      if (this.tail === BLOCK_BYTES) {
        this.blocks.push(this.pool.take());
        this.tail = 0;
      }
      const piece = data.subarray(done, done + BLOCK_BYTES - this.tail);
      this.blocks.at(-1)?.set(piece, this.tail);
      this.tail += piece.length;
      done += piece.length;
    }
    this.size += data.length;
  }

  /** Up to `max` bytes from the front, in one piece; a view that `consume` and `push` may invalidate. */
  peek(max: number): Uint8Array {
    const block = this.blocks[0];
    if (block === undefined) return EMPTY;
    const end = this.blocks.length === 1 ? this.tail : BLOCK_BYTES;
    return block.subarray(this.head, Math.min(end, this.head + max));
  }

  /** Drops `bytes` from the front; no more than the last `peek` gave. */
  consume(bytes: number): void {
    this.head += bytes;
    this.size -= bytes;
    if (this.size === 0) this.clear();
    else if (this.head === BLOCK_BYTES) this.dropFirst();
  }

  clear(): void {
    while (this.blocks.length > 0) this.dropFirst();
    this.head = 0;
    this.tail = BLOCK_BYTES;
    this.size = 0;
  }

  private dropFirst(): void {
    const block = this.blocks.shift();
    if (block !== undefined) this.pool.give(block);
    this.head = 0;
  }
}

const EMPTY = new Uint8Array(0);
