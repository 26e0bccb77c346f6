import { channel } from 'node:diagnostics_channel';
import { DiagnosticPublisher, type ServerDiscovered } from '@kwik/wire';

/** So many of a kind are told of one by one at once, and one more a second in the long run: whoever listens has other things to hear. */
const AT_ONCE = 32;
const ONE_MORE_MS = 1000;
/** The others are counted, and told of together so often. */
const TOGETHER_MS = 5000;

type Change = Exclude<ServerDiscovered['change'], 'chosen' | 'not-chosen'>;

interface Kind {
  /** How many may be told of, as of `atMs`. */
  left: number;
  atMs: number;
  untold: number;
  toldTogetherMs: number;
}

/**
 * Tells `kwik:discovery:server` what becomes of the servers of one service. Each change is told of once, alone or with others of
 * its kind, so that counts are right, and 10,000 changes at once are few messages.
 */
export class ServerNews {
  readonly #service: string;
  readonly #publisher: DiagnosticPublisher;
  readonly #kinds = new Map<Change, Kind>();
  #ended = false;

  constructor(service: string, publisher = new DiagnosticPublisher(channel)) {
    this.#service = service;
    this.#publisher = publisher;
  }

  tell(change: Change, server: string, now: number, reason: () => string): void {
    if (this.#ended) return;
    const kind = this.#kind(change, now);
    kind.left = Math.min(AT_ONCE, kind.left + (now - kind.atMs) / ONE_MORE_MS);
    kind.atMs = now;
    if (kind.left < 1) {
      if (kind.untold++ === 0) kind.toldTogetherMs = now;
      return;
    }
    kind.left--;
    this.#publish({ server, change, reason });
  }

  /** Tells of those that were counted, when that is due. To be called about once a second. */
  tick(now: number): void {
    for (const [change, kind] of this.#kinds) {
      if (kind.untold > 0 && now >= kind.toldTogetherMs + TOGETHER_MS) this.#tellTogether(change, kind);
    }
  }

  /** Tells of those that were counted. What comes then is not told, as failures of probes that closing ended. */
  end(): void {
    this.#ended = true;
    for (const [change, kind] of this.#kinds) if (kind.untold > 0) this.#tellTogether(change, kind);
  }

  #tellTogether(change: Change, kind: Kind): void {
    const count = kind.untold;
    kind.untold = 0;
    this.#publish({ server: '', change, reason: () => 'too many to tell of each', count });
  }

  #kind(change: Change, now: number): Kind {
    let kind = this.#kinds.get(change);
    if (kind === undefined) {
      kind = { left: AT_ONCE, atMs: now, untold: 0, toldTogetherMs: now };
      this.#kinds.set(change, kind);
    }
    return kind;
  }

  #publish({
    reason,
    ...rest
  }: Pick<ServerDiscovered, 'server' | 'change' | 'count'> & { reason: () => string }): void {
    this.#publisher.publish('kwik:discovery:server', () => ({ ...rest, source: this.#service, reason: reason() }));
  }
}
