import { resolveHost, type HostLookup } from '@kwik/quic';
import type { Clock } from '@kwik/wire';
import { parseTarget } from '../../client/target.js';
import type { ListenEndpoint } from '../network-endpoint.js';

/** What a name stands for changes seldom. */
const FRESH_MS = 60_000;
/** Hosts that are known at once: an application that names more of them has its own way to bound clients. */
const MAX_HOSTS = 1024;

interface KnownHost {
  uses: number;
  /** Of the last look at its addresses. */
  lookedUpMs: number;
  /** Each takes back what the socket was told of an address. */
  forget: readonly (() => void)[];
}

/** The relays of one session, as its primary names them. */
export interface SessionRelays {
  /** `address`: `host:port`. */
  add(address: string): void;
  /** The session has ended. */
  release(): void;
}

/**
 * The addresses of the relays that a listener names to its clients, as long as a session has them: what comes from there comes
 * from many clients, so bounds on one address are not for it.
 */
export class RelayAddresses {
  readonly #endpoint: Pick<ListenEndpoint, 'expectRelay'>;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #lookUp: HostLookup | undefined;
  readonly #hosts = new Map<string, KnownHost>();

  /** `lookUp` resolves names; default: by the system. */
  constructor(endpoint: Pick<ListenEndpoint, 'expectRelay'>, clock: Pick<Clock, 'now'>, lookUp?: HostLookup) {
    this.#endpoint = endpoint;
    this.#clock = clock;
    this.#lookUp = lookUp;
  }

  ofSession(): SessionRelays {
    const own = new Set<string>();
    return {
      add: (address) => {
        const { host } = parseTarget(address);
        if (!own.has(host) && this.#add(host)) own.add(host);
      },
      release: () => {
        for (const host of own) this.#remove(host);
        own.clear();
      },
    };
  }

  /** False when there are too many. */
  #add(host: string): boolean {
    let known = this.#hosts.get(host);
    if (known === undefined) {
      if (this.#hosts.size >= MAX_HOSTS) return false;
      known = { uses: 0, lookedUpMs: -Infinity, forget: [] };
      this.#hosts.set(host, known);
    }
    known.uses++;
    void this.#refresh(host, known);
    return true;
  }

  #remove(host: string): void {
    const known = this.#hosts.get(host);
    if (known === undefined || --known.uses > 0) return;
    this.#hosts.delete(host);
    for (const forget of known.forget) forget();
    known.forget = [];
  }

  async #refresh(host: string, known: KnownHost): Promise<void> {
    const now = this.#clock.now();
    if (now - known.lookedUpMs < FRESH_MS) return;
    known.lookedUpMs = now;
    try {
      const addresses = await resolveHost(host, this.#lookUp);
      if (this.#hosts.get(host) !== known) return;
      const before = known.forget;
      known.forget = addresses.map((address) => this.#endpoint.expectRelay(address));
      for (const forget of before) forget();
    } catch {
      // What cannot be looked up keeps the addresses that it had: clients may know better where the relay is.
    }
  }
}
