import type { PolicyBound } from '@kwik/wire';

/** So many servers, and nobody else answered meanwhile. */
const SERVERS = 3;
/** How close together. */
const WITHIN_MS = 5000;
/** More need not be remembered to see it. */
const MAX_REMEMBERED = 64;

/**
 * Sees from failures of dials that it is this end, or the network between, and not the servers: several of them fail within
 * seconds, and none answers. Sans-IO, `now` in milliseconds.
 */
export class FailurePattern {
  /** Servers whose last dial reached nobody, and when; the oldest first. */
  readonly #failed = new Map<string, number>();

  /** How far the pattern is made. */
  get bound(): PolicyBound {
    return { name: `servers that failed within ${WITHIN_MS / 1000} s`, limit: SERVERS, value: this.#failed.size };
  }

  /** Whoever answers shows that the network is there. */
  reached(): void {
    this.#failed.clear();
  }

  /** True when this failure makes the pattern. */
  unreachable(server: string, now: number): boolean {
    this.#failed.delete(server);
    this.#failed.set(server, now);
    for (const [one, atMs] of this.#failed) {
      if (now - atMs <= WITHIN_MS && this.#failed.size <= MAX_REMEMBERED) break;
      this.#failed.delete(one);
    }
    return this.#failed.size >= SERVERS;
  }
}
