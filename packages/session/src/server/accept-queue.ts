import { TurnQueue } from '../runtime/waiting/turn-queue.js';

/** A session that somebody may accept. */
interface Acceptable {
  /** Bytes of streams that came and nobody has read. */
  readonly unreadBytes: number;
}

/** Sessions that ended before anybody accepted them, and what they hold of their streams: no ledger counts it any more. */
const MAX_ENDED_WAITING = 64;
const MAX_ENDED_BYTES = 64 * 1024 * 1024;

/** Sessions that wait for `accept`, and those who call it and wait for a session. */
export class AcceptQueue<S extends Acceptable> {
  readonly #queue: S[] = [];
  /** Those of the queue that have ended, oldest first, with the bytes that they still hold. */
  readonly #ended = new Map<S, number>();
  readonly #accepts: TurnQueue<S | null>;

  /** `isClosed`: no more sessions will come. */
  constructor(isClosed: () => boolean) {
    this.#accepts = new TurnQueue(() => this.#nextNow(isClosed()));
  }

  /** Sessions that wait, and live. */
  get waiting(): number {
    return this.#queue.length - this.#ended.size;
  }

  push(session: S): void {
    this.#queue.push(session);
    this.pump();
  }

  /** The next one; null when no more come and none waits. */
  next(signal?: AbortSignal): Promise<S | null> {
    return this.#accepts.next(signal);
  }

  /** Whoever waits is given what is there, or told that nothing will come. */
  pump(): void {
    this.#accepts.pump();
  }

  /** One that nobody has accepted stays for `accept`, with its streams, as long as there are few of them. */
  onEnded(session: S): void {
    if (!this.#queue.includes(session)) return;
    this.#ended.set(session, session.unreadBytes);
    let bytes = 0;
    for (const unread of this.#ended.values()) bytes += unread;
    for (const [oldest, unread] of this.#ended) {
      if (this.#ended.size <= MAX_ENDED_WAITING && bytes <= MAX_ENDED_BYTES) return;
      bytes -= unread;
      this.#ended.delete(oldest);
      this.#queue.splice(this.#queue.indexOf(oldest), 1);
    }
  }

  #nextNow(isClosed: boolean): S | null | undefined {
    const session = this.#queue.shift();
    if (session === undefined) return isClosed ? null : undefined;
    this.#ended.delete(session);
    return session;
  }
}
