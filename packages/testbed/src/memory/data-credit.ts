/** Flow control of a whole connection (RFC 9000, section 4.1), both ways. Sizes in bytes. */
export class DataCredit {
  readonly #windowBytes: number;
  #sendLimit = 0;
  #written = 0;
  #received = 0;
  #consumed = 0;
  #announced: number;

  constructor(windowBytes: number) {
    this.#windowBytes = windowBytes;
    this.#announced = windowBytes;
  }

  get sendRoom(): number {
    return this.#sendLimit - this.#written;
  }

  onSendLimit(limit: number): void {
    this.#sendLimit = Math.max(this.#sendLimit, limit);
  }

  /** Bytes were taken for sending, or, below 0, given up unsent. */
  wrote(bytes: number): void {
    this.#written += bytes;
  }

  /** False when the peer sent more than it may. */
  onReceived(bytes: number): boolean {
    this.#received += bytes;
    return this.#received <= this.#announced;
  }

  /** The application took bytes, or nobody wants them; the limit to announce, when half of the window is used up. */
  onConsumed(bytes: number): number | undefined {
    this.#consumed += bytes;
    const limit = this.#consumed + this.#windowBytes;
    if (limit - this.#announced < this.#windowBytes / 2) return undefined;
    this.#announced = limit;
    return limit;
  }
}
