/**
 * When content waited for our own side: a reader that pauses, a disk that stalls. The server can send nothing meanwhile,
 * on any stream, so such a time is no silence of the server.
 */
export class SinkWaits {
  readonly #now: () => number;
  #waiting = 0;
  #endedMs = -Infinity;

  constructor(now: () => number) {
    this.#now = now;
  }

  async during<T>(work: Promise<T>): Promise<T> {
    this.#waiting += 1;
    try {
      return await work;
    } finally {
      this.#waiting -= 1;
      this.#endedMs = this.#now();
    }
  }

  /** The last moment at which something waited; never if nothing has. */
  get lastMs(): number {
    return this.#waiting > 0 ? this.#now() : this.#endedMs;
  }
}
