/** RFC 9000, section 10.1. Times in milliseconds; 0 for no timeout. */
export class IdleTimeout {
  #timeoutMs: number;
  #sinceMs: number;
  #sentSinceReceipt = false;

  constructor(timeoutMs: number, now: number) {
    this.#timeoutMs = timeoutMs;
    this.#sinceMs = now;
  }

  get dueMs(): number {
    return this.#timeoutMs === 0 ? Infinity : this.#sinceMs + this.#timeoutMs;
  }

  /** The smaller of both sides' timeouts holds. */
  agree(peerTimeoutMs: number): void {
    const both = [this.#timeoutMs, peerTimeoutMs].filter((ms) => ms > 0);
    this.#timeoutMs = both.length === 0 ? 0 : Math.min(...both);
  }

  onReceived(now: number): void {
    this.#sinceMs = now;
    this.#sentSinceReceipt = false;
  }

  /** Only the first packet to be acknowledged since the last receipt puts the timeout off. */
  onSent(now: number): void {
    if (!this.#sentSinceReceipt) this.#sinceMs = now;
    this.#sentSinceReceipt = true;
  }
}
