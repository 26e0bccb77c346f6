import type { PathId } from '@kwik/wire';
import type { Piece } from '../streams/send-half.js';

/** Copies that wait at the most; as many packets as a path may have unacknowledged. */
const MAX_WAITING = 8192;
/** Copies beside a transfer cost at most this share of what is sent, and what the tail of a short one takes. */
const BUDGET_SHARE = 0.05;
const BUDGET_BASE_BYTES = 256 * 1024;

/** Paths that may have a piece under way at once; the third when neither of two answers. */
const MAX_HOLDERS = 3;

interface Waiting {
  readonly piece: Piece;
  readonly from: PathId;
  /** The paths that had it under way when it was queued: with more of them it needs no copy any more. */
  readonly holders: number;
}

/**
 * Reinjection: pieces that one path owes and that go out again on another. What a suspected path owes is always copied;
 * copies that only shorten a wait (the tail, a reader or a window held up) have a budget.
 */
export class CopyQueue {
  #waiting: Waiting[] = [];
  #head = 0;
  #copiedBytes = 0;

  get empty(): boolean {
    this.#skipSettled();
    return this.#head === this.#waiting.length;
  }

  /** Payload that went out as copies. */
  get copiedBytes(): number {
    return this.#copiedBytes;
  }

  /** Whether copies that are not needed for certain may be made, when `sentBytes` have been sent in all. */
  affords(sentBytes: number): boolean {
    return this.#copiedBytes < BUDGET_BASE_BYTES + BUDGET_SHARE * sentBytes;
  }

  /** @param lost the path stopped answering: what it has under way for another path as well is copied once more */
  add(pieces: Iterable<Piece>, from: PathId, lost = false): void {
    for (const piece of pieces) {
      if (this.#waiting.length - this.#head >= MAX_WAITING) return;
      const waiting = { piece, from, holders: lost ? Math.min(piece.copies, MAX_HOLDERS - 1) : 1 };
      if (needsCopy(waiting)) this.#waiting.push(waiting);
    }
  }

  /** The path answers again, or is gone: what it owes is no longer copied. */
  drop(from: PathId): void {
    this.#waiting = this.#waiting.slice(this.#head).filter((waiting) => waiting.from !== from);
    this.#head = 0;
  }

  /** The next piece for a path, of at most `maxBytes`; it counts as under way there. */
  take(path: PathId, maxBytes: number): Piece | undefined {
    this.#skipSettled();
    const waiting = this.#waiting[this.#head];
    if (waiting === undefined || waiting.from === path) return undefined;
    const { piece } = waiting;
    if (piece.data.length > maxBytes) return undefined;
    this.#head++;
    piece.copies++;
    this.#copiedBytes += piece.data.length;
    return piece;
  }

  #skipSettled(): void {
    while (this.#head < this.#waiting.length && !needsCopy(this.#waiting[this.#head]!)) this.#head++;
    if (this.#head === this.#waiting.length && this.#head > 0) {
      this.#waiting = [];
      this.#head = 0;
    }
  }
}

/** Not while another path has it under way already, nor when it is queued to be sent anew. */
function needsCopy({ piece, holders }: Waiting): boolean {
  return !piece.acked && piece.copies > 0 && piece.copies <= holders;
}
