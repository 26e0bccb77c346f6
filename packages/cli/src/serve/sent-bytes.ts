import type { PathInfo, ServerSession } from '@kwik/session';

type Sent = Pick<PathInfo, 'state' | 'sentBytes' | 'primary'> & { readonly id: number };

/** States of a path without a connection: its figures are those of the one that it had. */
const WITHOUT_CONNECTION: ReadonlySet<PathInfo['state']> = new Set(['connecting', 'dead', 'recovering']);

/** What a server has sent in a session, over all connections of its paths: one that comes back counts from nothing. */
export class SentBytes {
  readonly #isOwn: (path: Pick<Sent, 'primary'>) => boolean;
  #gone = 0;
  /** Paths whose last connection is in `#gone`. */
  readonly #counted = new Set<number>();

  /** @param role a primary has paths of other servers besides, which send what is counted there */
  constructor(role: ServerSession['role']) {
    this.#isOwn = ({ primary }) => primary || role !== 'primary';
  }

  /** A path has changed. */
  heard(path: Sent): void {
    const { id, state, sentBytes } = path;
    if (!this.#isOwn(path)) return;
    if (!WITHOUT_CONNECTION.has(state)) {
      this.#counted.delete(id);
    } else if (state === 'dead' && !this.#counted.has(id)) {
      this.#counted.add(id);
      this.#gone += sentBytes;
    }
  }

  /** @param paths as they are now, or were at the end of the session */
  total(paths: readonly Sent[]): number {
    const own = paths.filter((path) => this.#isOwn(path) && !this.#counted.has(path.id));
    return own.reduce((sum, { sentBytes }) => sum + sentBytes, this.#gone);
  }
}
