/** Of one connection: 16,384 are 2.4 MB in quiche. A chat of so many messages may lie unread. */
const MAX_PIECES = 16_384;
/** Of all connections of an endpoint: 64 MB in quiche. */
const MAX_SHARED_PIECES = 448 * 1024;
/** What each connection may have although others have taken all there is. */
const MIN_PIECES = 64;
/** One connection gets as much of what is left: those who take much leave something to those who come later. */
const SHARE = 1 / 4;
/** So few are never looked at. */
const FIRST_LOOK = 512;

/** Pieces that all connections of an endpoint have. */
export interface PieceCount {
  pieces: number;
}

/** How far each stream was read. */
export interface ReadProgress {
  /** Infinity for a stream that keeps nothing any more. */
  readUpTo(id: number): number;
}

/**
 * The small pieces of stream data that may still lie in the backend, unread: behind a gap, or because the application
 * does not read. A window of 8 MB holds millions of one byte, at 150 bytes each. Kept by where they begin; those that were
 * read since are only thrown out when there are many.
 */
export class SmallPieces {
  private ids: number[] = [];
  private offsets: number[] = [];
  private lookAt = FIRST_LOOK;

  constructor(
    private readonly progress: ReadProgress,
    private readonly shared: PieceCount,
  ) {}

  get count(): number {
    return this.ids.length;
  }

  /** False when there are too many. */
  add(id: number, offset: number): boolean {
    this.ids.push(id);
    this.offsets.push(offset);
    this.shared.pieces += 1;
    if (this.ids.length < Math.min(this.lookAt, this.limit())) return true;
    this.dropRead();
    this.lookAt = Math.max(FIRST_LOOK, 2 * this.ids.length);
    return this.ids.length < this.limit();
  }

  /** The connection is over. */
  clear(): void {
    this.shared.pieces -= this.ids.length;
    this.ids = [];
    this.offsets = [];
  }

  private limit(): number {
    return Math.max(MIN_PIECES, Math.min(MAX_PIECES, SHARE * (MAX_SHARED_PIECES - this.shared.pieces)));
  }

  private dropRead(): void {
    let kept = 0;
    for (let i = 0; i < this.ids.length; i += 1) {
      const id = this.ids[i] ?? 0;
      const offset = this.offsets[i] ?? 0;
      if (offset < this.progress.readUpTo(id)) continue;
      this.ids[kept] = id;
      this.offsets[kept++] = offset;
    }
    this.shared.pieces -= this.ids.length - kept;
    this.ids.length = kept;
    this.offsets.length = kept;
  }
}
