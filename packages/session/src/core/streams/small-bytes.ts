/**
 * Pieces below this are copied and joined: a view, its place in a queue, and the chunk that it would keep alive cost a
 * few hundred bytes each, whatever its own length.
 */
export const SMALL_BYTES = 512;
/** Joined pieces grow up to this. */
const MAX_JOINED_BYTES = 4096;
const MIN_CAPACITY_BYTES = 256;
/** A view keeps the whole memory into which a socket read, 128 kB: what waits for long is copied below this. */
const COPY_BELOW_BYTES = 4096;

/** Bytes of a queue's own, with room to grow behind them; what was given out as a view of them never changes. */
export interface OwnBytes {
  data: Uint8Array;
  /** `data` is the last view of its buffer, and nobody else's. */
  readonly own: boolean;
}

/** The piece as the queue keeps it: copied when it is small. */
export function keep(piece: Uint8Array): OwnBytes {
  return piece.length < SMALL_BYTES ? { data: new Uint8Array(piece), own: true } : { data: piece, own: false };
}

/** The piece as it is kept when it may wait for long. */
export function keepForLong(piece: Uint8Array): OwnBytes {
  return piece.length < COPY_BELOW_BYTES ? { data: new Uint8Array(piece), own: true } : { data: piece, own: false };
}

/** Joins a small piece to the end of `head`, in amortised constant time per byte; false when it does not suit. */
export function join(head: OwnBytes, piece: Uint8Array): boolean {
  const before = head.data.length;
  const after = before + piece.length;
  if (!head.own || piece.length >= SMALL_BYTES || after > MAX_JOINED_BYTES) return false;
  const { buffer, byteOffset } = head.data;
  if (byteOffset + after > buffer.byteLength) {
    const larger = new Uint8Array(Math.min(MAX_JOINED_BYTES, Math.max(2 * after, MIN_CAPACITY_BYTES)));
    larger.set(head.data);
    head.data = larger.subarray(0, after);
  } else {
    head.data = new Uint8Array(buffer, byteOffset, after);
  }
  head.data.set(piece, before);
  return true;
}
