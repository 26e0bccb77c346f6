import { markAsUntransferable } from 'node:worker_threads';

/** Large enough that allocating one per this many bytes costs nothing, small enough to hold in a young heap. */
const SLAB_BYTES = 128 * 1024;
/** The first is small, each later one twice as large: most clients' sockets never receive much. */
const FIRST_SLAB_BYTES = 16 * 1024;
/** Less room than this, and a new slab is begun: reading in tiny pieces costs more than the rest is worth. */
const MIN_ROOM_BYTES = 4 * 1024;
/** Pieces up to this size are copied out, so that a reader who keeps them does not keep a whole slab with them. */
const COPY_BELOW_BYTES = 1024;

/**
 * Memory for received data, shared by all connections of an endpoint. What was given out is never written again; a slab
 * is freed when the last view of it is.
 */
export class ReceiveSlab {
  private slab = newSlab(FIRST_SLAB_BYTES);
  private used = 0;
  private view: Uint8Array | undefined;

  /** Where the next data may be written; the same until `take` is called. */
  space(): Uint8Array {
    if (this.slab.length - this.used < MIN_ROOM_BYTES) {
      this.slab = newSlab(Math.min(2 * this.slab.length, SLAB_BYTES));
      this.used = 0;
      this.view = undefined;
    }
    this.view ??= new Uint8Array(this.slab.buffer, this.slab.byteOffset + this.used, this.slab.length - this.used);
    return this.view;
  }

  /** The first `bytes` of `space()`, for good. */
  take(bytes: number): Uint8Array {
    const space = this.space();
    if (bytes < COPY_BELOW_BYTES) return space.slice(0, bytes);
    this.used += bytes;
    this.view = undefined;
    return space.subarray(0, bytes);
  }
}

/** Data of many streams and connections lies in it: a reader that transfers the buffer of its chunk would take theirs along. */
function newSlab(bytes: number): Buffer {
  const slab = Buffer.allocUnsafeSlow(bytes);
  markAsUntransferable(slab.buffer);
  return slab;
}
