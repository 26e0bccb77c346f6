/** Requests that are remembered; a peer with more of them unanswered gets answers that may be late. */
const MAX_REMEMBERED = 1_024;

/** When the answers to the peer's messages stop being worth sending, for those with a time to live. */
export class IncomingDeadlines {
  readonly #byId = new Map<bigint, number>();

  /** A message came; `ttlMs` 0 stands for no end. */
  add(id: bigint, ttlMs: number, now: number): void {
    if (ttlMs === 0) return;
    if (this.#byId.size >= MAX_REMEMBERED) {
      for (const oldest of this.#byId.keys()) {
        this.#byId.delete(oldest);
        break;
      }
    }
    this.#byId.set(id, now + ttlMs);
  }

  /** Milliseconds that are left to answer the message, at most 0 when it is too late; forgets the message. */
  take(id: bigint, now: number): number {
    const deadlineMs = this.#byId.get(id);
    if (deadlineMs === undefined) return Infinity;
    this.#byId.delete(id);
    return deadlineMs - now;
  }
}
