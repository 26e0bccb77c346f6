import type { PathId } from '@kwik/wire';
import type { Piece } from '../streams/send-half.js';

/** Copies that wait at the most; as many packets as a path may have unacknowledged. */
const MAX_WAITING = 8192;
/** Copies beside a transfer cost at most this share of what is sent, and what the tail of a short one takes. */
const BUDGET_SHARE = 0.05;
const BUDGET_BASE_BYTES = 256 * 1024;
/** A path looks so far for a piece that it may take. */
const MAX_LOOK = 64;

/**
 * Why a piece is copied: to save time while its path may still deliver it; or because that path stopped answering, and owes much,
 * so that it is copied unless another path that answers has it under way; or owes little, so that it is copied unless one has it
 * that surely does.
 */
export type Loss = 'none' | 'much' | 'little';

interface Waiting {
  readonly piece: Piece;
  readonly from: PathId;
  readonly loss: Loss;
  /** The path that is to take it, whatever others do. */
  readonly to: PathId | undefined;
}

/**
 * Reinjection: pieces that one path has in flight and that go out again on another. Those of a suspected path are all copied;
 * copies that only shorten a wait (the tail, a reader or a window held up) have a budget.
 */
export class CopyQueue {
  readonly #common: WaitingCopies;
  /** By the path that is to take them: one that cannot holds up nobody else. */
  readonly #directed = new Map<PathId, WaitingCopies>();
  #copiedBytes = 0;
  readonly #isActive: (path: PathId, surely: boolean) => boolean;

  /** @param isActive whether a path answers: what is under way there needs no copy for being lost elsewhere */
  constructor(isActive: (path: PathId, surely: boolean) => boolean) {
    this.#isActive = isActive;
    this.#common = this.#noCopies();
  }

  /** Whether nothing waits for a path, unless it is its own. */
  emptyFor(path: PathId): boolean {
    return this.#common.count === 0 && (this.#directed.get(path)?.count ?? 0) === 0;
  }

  /** Payload that went out as copies. */
  get copiedBytes(): number {
    return this.#copiedBytes;
  }

  /** Whether copies that are not needed for certain may be made, when `sentBytes` have been sent in all. */
  affords(sentBytes: number): boolean {
    return this.#copiedBytes < BUDGET_BASE_BYTES + BUDGET_SHARE * sentBytes;
  }

  /** @param to the path that is to take them, whatever others have under way. Default: whoever can */
  add(pieces: Iterable<Piece>, from: PathId, loss: Loss = 'none', to?: PathId): void {
    const list = to === undefined ? this.#common : (this.#directed.get(to) ?? this.#noCopies());
    if (to !== undefined) this.#directed.set(to, list);
    for (const piece of pieces) {
      if (list.count >= MAX_WAITING) return;
      const waiting = { piece, from, loss, to };
      if (this.#needsCopy(waiting)) list.push(waiting);
    }
  }

  /** The path answers again: what it has in flight is no longer copied. */
  drop(from: PathId): void {
    for (const list of [this.#common, ...this.#directed.values()]) list.drop(from);
  }

  /** The path is gone. */
  forget(path: PathId): void {
    this.#directed.delete(path);
    this.drop(path);
  }

  /** The next piece for a path, of at most `maxBytes`; it counts as under way there. */
  take(path: PathId, maxBytes: number): Piece | undefined {
    const waiting = this.#directed.get(path)?.next(path) ?? this.#common.next(path);
    if (waiting === undefined || waiting.piece.data.length > maxBytes) return undefined;
    const { piece, from } = waiting;
    piece.copies++;
    piece.holders ??= [from];
    piece.holders.push(path);
    this.#copiedBytes += piece.data.length;
    return piece;
  }

  #noCopies(): WaitingCopies {
    return new WaitingCopies((waiting) => this.#needsCopy(waiting));
  }

  /** Not while another path has it under way already, nor when it is queued to be sent anew. */
  #needsCopy({ piece, from, loss, to }: Waiting): boolean {
    if (piece.acked || piece.copies === 0) return false;
    if (to !== undefined) return piece.holders?.includes(to) !== true;
    if (loss === 'none') return piece.copies === 1;
    return piece.holders?.some((path) => path !== from && this.#isActive(path, loss === 'little')) !== true;
  }
}

/** Copies that wait, in the order in which their pieces were sent. */
class WaitingCopies {
  #waiting: Waiting[] = [];
  #head = 0;
  #sorted = true;
  readonly #isNeeded: (waiting: Waiting) => boolean;

  constructor(isNeeded: (waiting: Waiting) => boolean) {
    this.#isNeeded = isNeeded;
  }

  /** Those that are needed no longer count until they are the first. */
  get count(): number {
    this.#skipSettled();
    return this.#waiting.length - this.#head;
  }

  push(waiting: Waiting): void {
    const last = this.#waiting.at(-1);
    this.#sorted &&= last === undefined || sentMs(last) <= sentMs(waiting);
    this.#waiting.push(waiting);
  }

  drop(from: PathId): void {
    this.#waiting = this.#waiting.slice(this.#head).filter((waiting) => waiting.from !== from);
    this.#head = 0;
  }

  /** The first that a path may take; it stays until it is needed no longer. */
  next(path: PathId): Waiting | undefined {
    this.#sort();
    this.#skipSettled();
    for (let index = this.#head; index < this.#waiting.length && index - this.#head < MAX_LOOK; index++) {
      const waiting = this.#waiting[index]!;
      const { piece, from } = waiting;
      if (from !== path && piece.holders?.includes(path) !== true && this.#isNeeded(waiting)) return waiting;
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
    while (this.#head < this.#waiting.length && !this.#isNeeded(this.#waiting[this.#head]!)) this.#head++;
    if (this.#head === this.#waiting.length && this.#head > 0) {
      this.#waiting = [];
      this.#head = 0;
    }
  }
}

function sentMs({ piece }: Waiting): number {
  return piece.sentAtMs ?? 0;
}
