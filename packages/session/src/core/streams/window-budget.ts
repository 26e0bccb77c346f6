/**
 * Window of a stream that nobody has read from. It doubles as its reader keeps up, so at any round trip it grows no slower
 * than QUIC's slow start does; and what nobody reads holds no more than this.
 */
const FIRST_WINDOW_BYTES = 512 * 1024;

/** What the peer is told of each new stream, for windows that grow up to `windowBytes`. */
export function firstWindowBytes(windowBytes: number): number {
  return Math.min(windowBytes, FIRST_WINDOW_BYTES);
}

/**
 * What the windows of all streams together may go beyond their first. The session's window is larger than that, so streams
 * whose readers have stopped, however far theirs had grown, leave room in it for the others, which go on with their first
 * windows. Streams that are read share the budget evenly: one that has more gives it back as it is read.
 */
export class WindowBudget {
  readonly #bytes: number;
  #granted = 0;
  #growing = 0;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** How far beyond its first window a stream may go that is there by `held` now and would go by `wanted`. */
  share(held: number, wanted: number): number {
    const sharing = held > 0 ? this.#growing : this.#growing + 1;
    return Math.max(0, Math.min(wanted, Math.floor(this.#bytes / sharing), held + this.#bytes - this.#granted));
  }

  /** A stream goes beyond its first window by `now` instead of `before`. */
  change(before: number, now: number): void {
    this.#granted += now - before;
    this.#growing += Number(now > 0) - Number(before > 0);
  }
}
