import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerSession } from '@kwik/session';
import type { ServersAnswer } from '../protocol/messages.js';
import { formatHostPort, parseHostPort } from '../address.js';
import type { ServeLog } from './serve-log.js';

/** Servers that one session may hold beside the primary; the session has a bound of its own. */
const MAX_PEERS = 32;
/** A peer that cannot be added is tried again after so long, then after twice as long, and so on. */
const FIRST_WAIT_MS = 2000;
/** A peer that comes back is in use within a minute; a dead one costs its clients one dial a minute. */
const MAX_WAIT_MS = 60_000;

export interface PeerPolicy {
  /** `host:port` of the servers that the operator named. */
  readonly peers: readonly string[];
  /** Whether clients may name others. */
  readonly allowClientServers: boolean;
}

export interface SessionPeersOptions {
  readonly session: ServerSession;
  readonly policy: PeerPolicy;
  readonly log: ServeLog;
  /** Aborts when the session ends. */
  readonly signal: AbortSignal;
  /** For tests: how to wait, until the time is over or the signal aborts. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** The further servers of one session: added beside the answering of requests; one that is
 * not reached is logged and asked for again. */
export class SessionPeers {
  readonly #session: ServerSession;
  readonly #policy: PeerPolicy;
  readonly #log: ServeLog;
  readonly #asked = new Set<string>();
  readonly #added = new Set<string>();
  /** The end of the session. */
  readonly #signal: AbortSignal;
  readonly #wait: (ms: number, signal: AbortSignal) => Promise<void>;

  constructor({ session, policy, log, signal, wait = pause }: SessionPeersOptions) {
    this.#session = session;
    this.#policy = policy;
    this.#log = log;
    this.#signal = signal;
    this.#wait = wait;
  }

  addOwn(): void {
    for (const peer of this.#policy.peers) this.#add(peer);
  }

  /** Whether the client has, or had, a path to `server`. */
  wasAdded(server: string): boolean {
    return this.#added.has(server);
  }

  /** Answers at once; what becomes of an accepted server shows in the client's paths. */
  addForClient(servers: readonly string[]): ServersAnswer {
    const accepted: string[] = [];
    const refused: { server: string; reason: string }[] = [];
    for (const server of servers) {
      const reason = this.#reasonAgainst(server);
      if (reason === undefined) {
        this.#add(server);
        accepted.push(server);
      } else {
        refused.push({ server, reason });
      }
    }
    return { ok: true, accepted, refused };
  }

  #reasonAgainst(server: string): string | undefined {
    if (this.#asked.has(server) || this.#policy.peers.includes(server)) return undefined;
    if (!this.#policy.allowClientServers) {
      return 'it is not among the peers of this server, and its operator does not let clients name others';
    }
    if (this.#asked.size >= MAX_PEERS) return `a session has at most ${MAX_PEERS} further servers`;
    try {
      return formatHostPort(parseHostPort(server)) === server ? undefined : 'it is not HOST:PORT';
    } catch {
      return 'it is not HOST:PORT';
    }
  }

  #add(server: string): void {
    if (this.#asked.has(server)) return;
    this.#asked.add(server);
    void this.#addUntilThere(server);
  }

  /** A path that was once there is the session's to bring back; one that never was is asked for again here. */
  async #addUntilThere(server: string): Promise<void> {
    for (let waitMs = FIRST_WAIT_MS; !this.#signal.aborted; waitMs = Math.min(2 * waitMs, MAX_WAIT_MS)) {
      try {
        const path = await this.#session.addPath(server);
        this.#added.add(server);
        this.#log.peerAdded(this.#session.id, server, path.rttMs);
        return;
      } catch (error) {
        // The first time is news; that it goes on is not.
        if (waitMs === FIRST_WAIT_MS) this.#log.peerFailed(this.#session.id, server, error);
      }
      await this.#wait(waitMs, this.#signal);
    }
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal, ref: false }).catch(() => undefined);
}
