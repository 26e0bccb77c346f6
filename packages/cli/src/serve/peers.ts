import type { ServerSession } from '@kwik/session';
import type { ServersAnswer } from '../protocol/messages.js';
import { formatHostPort, parseHostPort } from '../address.js';
import type { ServeLog } from './serve-log.js';

/** Servers that one session may hold beside the primary; the session has a bound of its own. */
const MAX_PEERS = 32;

export interface PeerPolicy {
  /** `host:port` of the servers that the operator named. */
  readonly peers: readonly string[];
  /** Whether clients may name others. */
  readonly allowClientServers: boolean;
}

/** The further servers of one session: added beside the answering of requests, each failure logged and survived. */
export class SessionPeers {
  readonly #session: ServerSession;
  readonly #policy: PeerPolicy;
  readonly #log: ServeLog;
  readonly #asked = new Set<string>();
  readonly #added = new Set<string>();

  constructor(session: ServerSession, policy: PeerPolicy, log: ServeLog) {
    this.#session = session;
    this.#policy = policy;
    this.#log = log;
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
    this.#session.addPath(server).then(
      (path) => {
        this.#added.add(server);
        this.#log.peerAdded(this.#session.id, server, path.rttMs);
      },
      (error: unknown) => this.#log.peerFailed(this.#session.id, server, error),
    );
  }
}
