import type { Clock } from '@kwik/wire';
import type { StandbyCheck, StandbyServer, TakeoverOptions } from '../../api/takeover.js';

/** What a server said is good for so long: it may have been started again with another key. */
const GOOD_FOR_MS = 30_000;
/** Different servers that are named within that time. */
const MAX_KNOWN = 64;

export interface AbleStandbysOptions {
  readonly clock: Pick<Clock, 'now'>;
  readonly named: NonNullable<TakeoverOptions['standby']>;
  /** Never rejects. */
  readonly check: (server: StandbyServer) => Promise<StandbyCheck>;
  readonly onUnable: (server: StandbyServer, reason: string) => void;
  /** A server that was named can do it no more, or can again. */
  readonly onChange: () => void;
}

interface Known {
  check: StandbyCheck | undefined;
  /** Of the last question. */
  askedMs: number;
  asking: Promise<StandbyCheck>;
}

/**
 * No client is promised a standby that says that it could take no session over, as one does that has other fleet keys. One that
 * cannot be asked may be out of this server's reach alone, so it is named.
 */
export class AbleStandbys {
  readonly #options: AbleStandbysOptions;
  readonly #known = new Map<string, Known>();

  constructor(options: AbleStandbysOptions) {
    this.#options = options;
  }

  /** Waits for the first answer of a server; when it is old it is asked again beside. */
  async current(): Promise<StandbyServer | undefined> {
    const { named } = this.#options;
    const server = typeof named === 'function' ? await named() : named;
    if (server === undefined) return undefined;
    const known = this.#of(server);
    const { takes } = known.check ?? (await known.asking);
    return takes === 'no' ? undefined : server;
  }

  #of(server: StandbyServer): Known {
    const key = `${server.address} ${server.serverName ?? ''}`;
    const known = this.#known.get(key);
    const now = this.#options.clock.now();
    if (known !== undefined && now - known.askedMs < GOOD_FOR_MS) return known;
    const check = known?.check;
    const made: Known = { check, askedMs: now, asking: this.#ask(server, check).then((given) => (made.check = given)) };
    this.#known.delete(key);
    this.#known.set(key, made);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MAX_KNOWN) break;
      this.#known.delete(oldest);
    }
    return made;
  }

  async #ask(server: StandbyServer, before: StandbyCheck | undefined): Promise<StandbyCheck> {
    const { check, onUnable, onChange } = this.#options;
    const given = await check(server);
    // One that is not reached for a moment has not changed its keys for that.
    const answer = given.takes === 'unknown' && before !== undefined ? before : given;
    if (answer.takes === 'no' && before?.takes !== 'no') onUnable(server, answer.reason);
    if (before !== undefined && (answer.takes === 'no') !== (before.takes === 'no')) queueMicrotask(onChange);
    return answer;
  }
}
