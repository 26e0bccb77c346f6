import { PRIMARY_PATH_ID, type proto } from '@kwik/wire';
import type { RelayChoice } from '../../api/relays.js';
import type { PathRuntime } from '../../runtime/paths/path-runtime.js';
import type { ClientSession } from '../client-session.js';
import { linkOver, type RelayLink } from './relay-link.js';

/** What a session with a relay is to whoever has one. */
export interface RelaySession {
  /** Its path to the relay. */
  readonly path: PathRuntime;
  readonly closed: Promise<unknown>;
  end(): void;
}

/** A relay with which the client has a session of its own. */
export interface OwnRelay {
  readonly link: RelayLink;
  readonly closed: Promise<unknown>;
  /** Told what the relay says of its end. */
  onNotice: (notice: proto.RelayNotice) => void;
}

type DialRelay = (choice: RelayChoice, onNotice: (notice: proto.RelayNotice) => void) => Promise<RelaySession>;

/** The client's sessions with relays that it chose itself: one with each, dialled when somebody asks for it. */
export class RelaySessions {
  readonly choices: readonly RelayChoice[];
  readonly #dial: DialRelay;
  readonly #known = new Map<RelayChoice, Promise<OwnRelay>>();
  readonly #open = new Set<RelaySession>();
  #closed = false;

  constructor(choices: readonly RelayChoice[], dial: DialRelay) {
    this.choices = choices;
    this.#dial = dial;
  }

  /** Rejects as `dial` does. */
  get(choice: RelayChoice): Promise<OwnRelay> {
    let known = this.#known.get(choice);
    if (known === undefined) {
      known = this.#connect(choice);
      this.#known.set(choice, known);
      known.catch(() => this.#known.delete(choice));
    }
    return known;
  }

  close(): void {
    this.#closed = true;
    for (const session of this.#open) session.end();
  }

  async #connect(choice: RelayChoice): Promise<OwnRelay> {
    // What comes before anybody listens is not lost on a relay that has nothing to forward yet.
    const relay = { onNotice: (_notice: proto.RelayNotice): void => undefined };
    const session = await this.#dial(choice, (notice) => relay.onNotice(notice));
    this.#open.add(session);
    if (this.#closed) session.end();
    const closed = session.closed.then(() => {
      this.#open.delete(session);
      this.#known.delete(choice);
    });
    return Object.assign(relay, { link: linkOver(session.path, choice.address, () => session.end()), closed });
  }
}

/** A session of which all that counts is its path to the relay. */
export function relaySession(session: ClientSession): RelaySession {
  return {
    path: session.engine.paths.require(PRIMARY_PATH_ID),
    closed: session.closed,
    end: () => void session.close(0, '', { timeoutMs: 0 }),
  };
}
