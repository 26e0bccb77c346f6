import type { PathId } from '@kwik/wire';
import type { Piece } from '../streams/send-half.js';

/** Copies that wait at the most; as many packets as a path may have unacknowledged. */
const MAX_WAITING = 8192;
/** Copies beside a transfer cost at most this share of what is sent, and what the tail of a short one takes. */
const BUDGET_SHARE = 0.05;
const BUDGET_BASE_BYTES = 256 * 1024;
/** A path looks so far for a piece that it may take. */
const MAX_LOOK = 64;

interface Waiting {
  readonly piece: Piece;
  readonly from: PathId;
  /** The path stopped answering. */
  readonly lost: boolean;
}

/**
 * Reinjection: pieces that one path has in flight and that go out again on another. Those of a suspected path are all copied;
 * copies that only shorten a wait (the tail, a reader or a window held up) have a budget.
 */
export class CopyQueue {
  #waiting: Waiting[] = [];
  #head = 0;
  #sorted = true;
  #copiedBytes = 0;
  readonly #isActive: (path: PathId) => boolean;

  /** @param isActive whether a path answers: what is under way there needs no copy for being lost elsewhere */
  constructor(isActive: (path: PathId) => boolean) {
    this.#isActive = isActive;
  }

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

  /** @param lost the path stopped answering: a piece is copied unless another path that answers has it under way */
  add(pieces: Iterable<Piece>, from: PathId, lost = false): void {
    for (const piece of pieces) {
      if (this.#waiting.length - this.#head >= MAX_WAITING) return;
      const waiting = { piece, from, lost };
      if (!this.#needsCopy(waiting)) continue;
      const last = this.#waiting.at(-1);
      this.#sorted &&= last === undefined || sentMs(last) <= sentMs(waiting);
      this.#waiting.push(waiting);
    }
  }

  /** The path answers again, or is gone: what it has in flight is no longer copied. */
  drop(from: PathId): void {
    this.#waiting = this.#waiting.slice(this.#head).filter((waiting) => waiting.from !== from);
    this.#head = 0;
  }

  /** The next piece for a path, of at most `maxBytes`; it counts as under way there. */
  take(path: PathId, maxBytes: number): Piece | undefined {
    this.#sort();
    this.#skipSettled();
    for (let index = this.#head; index < this.#waiting.length && index - this.#head < MAX_LOOK; index++) {
      const waiting = this.#waiting[index]!;
      const { piece, from } = waiting;
      if (from === path || piece.holders?.includes(path) === true || !this.#needsCopy(waiting)) continue;
      if (piece.data.length > maxBytes) return undefined;
      piece.copies++;
      piece.holders ??= [from];
      piece.holders.push(path);
      this.#copiedBytes += piece.data.length;
      return piece;
    }
    return undefined;
  }

  /** What several paths have in flight is needed in the order in which it was sent. */
  #sort(): void {
    if (this.#sorted) return;
    this.#sorted = true;
    this.#waiting = this.#waiting.slice(this.#head).sort((a, b) => sentMs(a) - sentMs(b));
    this.#head = 0;
  }

  #skipSettled(): void {
    while (this.#head < this.#waiting.length && !this.#needsCopy(this.#waiting[this.#head]!)) this.#head++;
    if (this.#head === this.#waiting.length && this.#head > 0) {
      this.#waiting = [];
      this.#head = 0;
    }
  }

  /** Not while another path has it under way already, nor when it is queued to be sent anew. */
  #needsCopy({ piece, from, lost }: Waiting): boolean {
    if (piece.acked || piece.copies === 0) return false;
    if (!lost) return piece.copies === 1;
    return piece.holders?.some((path) => path !== from && this.#isActive(path)) !== true;
  }
}

function sentMs({ piece }: Waiting): number {
  return piece.sentAtMs ?? 0;
}
