import type { PathInfo } from '@kwik/session';

type Sent = Pick<PathInfo, 'state' | 'sentBytes'> & { readonly id: number };

/** States of a path without a connection: its figures are those of the one that it had. */
const WITHOUT_CONNECTION: ReadonlySet<PathInfo['state']> = new Set(['connecting', 'dead', 'recovering']);

/** What a session has sent, over all connections of all its paths: one that comes back counts from nothing. */
export class SentBytes {
  #gone = 0;
  /** Paths whose last connection is in `#gone`. */
  readonly #counted = new Set<number>();

  /** A path has changed its state. */
  heard({ id, state, sentBytes }: Sent): void {
    if (!WITHOUT_CONNECTION.has(state)) {
      this.#counted.delete(id);
    } else if (state === 'dead' && !this.#counted.has(id)) {
      this.#counted.add(id);
      this.#gone += sentBytes;
    }
  }

  /** @param paths as they are now, or were at the end of the session */
  total(paths: readonly Sent[]): number {
    return paths.reduce((sum, { id, sentBytes }) => sum + (this.#counted.has(id) ? 0 : sentBytes), this.#gone);
  }
}
