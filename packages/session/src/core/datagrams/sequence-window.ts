/** So far back a number is known to have come or not; what is older counts as come. As the window of IPsec (RFC 4303). */
const SPAN = 1024n;

/** Which numbers have come, in bounded memory whatever a peer sends: copies are delivered once. */
export class SequenceWindow {
  #next = 0n;
  /** A bit for each of the `SPAN` numbers below `#next`, by number modulo `SPAN`. */
  readonly #came = new Uint8Array(Number(SPAN));

  /** True for a number that comes for the first time, as far as is known. */
  take(sequence: bigint): boolean {
    if (sequence + SPAN < this.#next) return false;
    if (sequence >= this.#next) this.#advance(sequence + 1n);
    const index = Number(sequence % SPAN);
    if (this.#came[index] === 1) return false;
    this.#came[index] = 1;
    return true;
  }

  #advance(next: bigint): void {
    if (next - this.#next >= SPAN) this.#came.fill(0);
    else for (let number = this.#next; number < next; number++) this.#came[Number(number % SPAN)] = 0;
    this.#next = next;
  }
}
