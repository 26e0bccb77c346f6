import { isDeepStrictEqual } from 'node:util';
import type { DialOptions, Session } from '@kwik/session';

export interface PooledSessionParts {
  readonly options: DialOptions;
  readonly idleMs: number;
  dial(signal: AbortSignal): Promise<Session>;
  /** The last socket has left. */
  onIdle(): void;
  /** It is of no use any more. */
  onGone(): void;
}

/** A session that sockets share: dialled for the first of them, closed some time after the last has left. */
export class PooledSession {
  readonly session: Promise<Session>;
  readonly #parts: PooledSessionParts;
  readonly #abort = new AbortController();
  #established: Session | undefined;
  #sockets = 0;
  /** The server gave no credit for one more stream, and no socket has left since. */
  #full = false;
  #retired = false;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(parts: PooledSessionParts) {
    this.#parts = parts;
    this.session = parts.dial(this.#abort.signal);
    this.session.then(
      (session) => this.#onEstablished(session),
      () => this.#onGone(),
    );
  }

  /** The session, once it stands. */
  get established(): Session | undefined {
    return this.#established;
  }

  get sockets(): number {
    return this.#sockets;
  }

  /** Whether a socket with these options may join. */
  takes(options: DialOptions): boolean {
    if (this.#retired || this.#full) return false;
    const { auth = [], ...mine } = this.#parts.options;
    const { auth: wanted = [], ...others } = options;
    // Who a client is may stand in what no comparison sees: only the very same authenticators are the same identity.
    const isSame = auth.length === wanted.length && auth.every((one, index) => one === wanted[index]);
    return isSame && isDeepStrictEqual(others, mine);
  }

  /** One more socket. Returns what lets it go, once. */
  join(): () => void {
    clearTimeout(this.#idleTimer);
    this.#sockets += 1;
    let joined = true;
    return () => {
      if (!joined) return;
      joined = false;
      this.#sockets -= 1;
      this.#full = false;
      if (this.#sockets === 0) this.#onEmpty();
    };
  }

  /** Takes no more sockets until one has left: the server gives no more streams. */
  fill(): void {
    this.#full = true;
  }

  /** Takes no more sockets, and is closed when the last has left. */
  retire(): void {
    if (this.#retired) return;
    this.#onGone();
    if (this.#sockets === 0) this.#end();
  }

  #onEstablished(session: Session): void {
    this.#established = session;
    void session.closed.then(() => this.#onGone());
    if (this.#sockets === 0) this.#onEmpty();
  }

  #onEmpty(): void {
    if (this.#retired || this.#established === undefined) {
      this.#onGone();
      this.#end();
      return;
    }
    this.#idleTimer = setTimeout(() => this.retire(), this.#parts.idleMs);
    this.#idleTimer.unref();
    this.#parts.onIdle();
  }

  #onGone(): void {
    if (this.#retired) return;
    this.#retired = true;
    this.#parts.onGone();
  }

  #end(): void {
    clearTimeout(this.#idleTimer);
    this.#abort.abort();
    void this.#established?.close();
  }
}
