/** What copies of reliable streams may cost: so much each second, however little else is sent, … */
const BYTES_PER_SECOND = 1024 * 1024;
/** … and this share of all that is sent, … */
const SHARE_OF_SENT = 0.25;
/** … saved up to so much: a second's worth, which a burst may take at once. */
const MOST_SAVED_BYTES = BYTES_PER_SECOND;

/** Bounds the copies that protect streams from the death of a path, so that they never crowd out what they protect. */
export class CopyBudget {
  #savedBytes = MOST_SAVED_BYTES;
  #atMs = 0;

  /** A piece goes out for the first time. */
  sent(bytes: number): void {
    this.#savedBytes = Math.min(MOST_SAVED_BYTES, this.#savedBytes + SHARE_OF_SENT * bytes);
  }

  /** Whether a copy may go out; then it is paid for. */
  pays(bytes: number, now: number): boolean {
    const passedMs = Math.max(0, now - this.#atMs);
    this.#atMs = Math.max(now, this.#atMs);
    this.#savedBytes = Math.min(MOST_SAVED_BYTES, this.#savedBytes + (BYTES_PER_SECOND * passedMs) / 1000);
    if (this.#savedBytes < bytes) return false;
    this.#savedBytes -= bytes;
    return true;
  }
}
