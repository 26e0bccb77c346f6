import type { ErrorCode } from '@kwik/wire';
import type { MemoryUse } from '../core/costs/memory-ledger.js';
import type { ServerCredentials } from './options.js';
import type { OverloadStats } from './overload.js';
import type { PolicyDecision } from './policy.js';
import type { RelayStats } from './relays.js';
import type { CloseOptions, ServerSession } from './session.js';

/** Counts since the listener began. */
export interface ListenerStats {
  /** Sessions that are open here now, in either role. */
  readonly sessions: number;
  /** Sessions that clients opened here: this server was their primary. */
  readonly opened: number;
  /** Paths that came to a session which is open here: lost ones that are back, and further ones. Those that get new keys do not. */
  readonly resumed: number;
  /** Path tokens that were shown here, by outcome; every one counts once. */
  readonly tokens: TokenCounters;
  /** Connections that did not get in, for whatever reason, by the code that the client was given. */
  readonly refused: Readonly<Partial<Record<ErrorCode, number>>>;
  /** How often clients have met a bound on connections: what was refused, not answered or given up for it. */
  readonly bounds: ListenerBounds;
  /** What it forwards as a relay; zeros where it is none. */
  readonly relay: RelayStats;
  /** How the listener's socket hands datagrams to the kernel (`transport.io`). */
  readonly socket: ListenerSocket;
  /** What peers make the listener hold now, and how many sessions were ended because they held too much. */
  readonly memory: MemoryUse;
  /** What is given up for want of memory or processor time; see docs/overload.md. */
  readonly overload: OverloadStats;
  /** The last 64 decisions on what sessions have here and what is given up, the newest last; see docs/scaling.md. */
  readonly decisions: readonly PolicyDecision[];
  /** How often each of the application's callbacks has thrown; the first time it was a warning of the process, too. */
  readonly callbackErrors: Readonly<Record<string, number>>;
}

export interface ListenerSocket {
  /** `network` where `runtime.network` is in the place of UDP. */
  readonly io: 'batched' | 'dgram' | 'network';
  /** The error code with which the kernel refused UDP_SEGMENT; datagrams go one message each since then. */
  readonly segmentationRefused: string | undefined;
}

export interface ListenerBounds {
  /** Told that the server is full, or that their address has its share. */
  readonly connections: number;
  /** Handshakes that gave way to newer ones. */
  readonly halfOpen: number;
  /** First packets beyond the rate of an address. */
  readonly initials: number;
  /** Packets of no connection that got no answer. */
  readonly answers: number;
}

/** One `accepted`, and a name for each way to be refused. */
export interface TokenCounters {
  readonly accepted: number;
  /** Cannot be decoded. */
  readonly malformed: number;
  /** The signature is wrong: ERR_KWIK_TOKEN_FORGED. */
  readonly forged: number;
  /** Signed by a stranger: ERR_KWIK_TOKEN_UNTRUSTED. */
  readonly untrusted: number;
  /** Past its time, or not yet valid: ERR_KWIK_TOKEN_EXPIRED. */
  readonly expired: number;
  /** Lives longer than this server allows: ERR_KWIK_TOKEN_INVALID. */
  readonly lifetime: number;
  /** Its audience is another server: ERR_KWIK_TOKEN_WRONG_SERVER. */
  readonly wrongServer: number;
  /** For another session or path than the joiner says: ERR_KWIK_TOKEN_WRONG_SESSION. */
  readonly wrongSession: number;
  /** Used before: ERR_KWIK_TOKEN_REPLAYED. */
  readonly replayed: number;
  /** Stolen: whoever showed it does not hold the session: ERR_KWIK_PROOF_INVALID. */
  readonly proof: number;
  /** This server can remember no more used tokens: ERR_KWIK_CONNECTION_REFUSED. */
  readonly full: number;
}

export interface Listener extends AsyncDisposable, AsyncIterable<ServerSession> {
  address(): { address: string; port: number; family: string };
  /**
   * The next session: one that a client opened here (`primary`), or one that it joined here (`secondary`). One that has
   * ended meanwhile is given out with its streams and its close code. After `close` those that wait are, then it rejects.
   */
  accept(options?: { signal?: AbortSignal }): Promise<ServerSession>;
  stats(): ListenerStats;
  /**
   * A renewed certificate: connections to come see it, and it vouches for path tokens from now on, those of sessions that are
   * there included. Nothing that is connected is lost. Throws ERR_KWIK_CREDENTIALS, and changes nothing, when certificate
   * and key cannot work.
   */
  updateCredentials(credentials: ServerCredentials): void;
  /**
   * Has the sessions whose primary this server is go on at the standby that `takeover` names, and stays open: each goes as soon as
   * nothing is under way in it that only this server can end. Sessions that come after the call are not asked. Resolves when all
   * that were asked have gone, after `timeoutMs` (default: 30 s), or when `signal` aborts; sessions that are left then stay, and
   * are not asked any more. Rejects with ERR_KWIK_INVALID_STATE where no standby is named, the listener is closed, or sessions are
   * being handed over already.
   */
  handOver(options?: HandOverOptions): Promise<HandOver>;
  /**
   * `takeover.standby` gives another server than before, or none: clients are told at once, each no more often than once a second, many
   * of them one after the other (some 4,000 a second). Without this call they hear of it with their next ticket.
   */
  standbyChanged(): void;
  /**
   * Accepts no more sessions and lets those there are finish: it closes each that has had no stream open for a second, and
   * after `timeoutMs` (default: 30 s) all that are left, in good order. Resolves when all have ended and the port is
   * free. `force` ends them at once, also when a `close` without it is waiting.
   */
  close(options?: ListenerCloseOptions): Promise<void>;
}

export interface HandOverOptions {
  /** So long sessions have to come to where they can go, milliseconds. Default: 30,000. */
  readonly timeoutMs?: number;
  /** They are to stay after all. */
  readonly signal?: AbortSignal;
}

/** What became of the sessions that a server was to hand over. */
export interface HandOver {
  /** Went on elsewhere, or ended. */
  readonly gone: number;
  /** Are here yet: their client cannot go to a standby, or something is under way that only this server can end. */
  readonly left: number;
}

export interface ListenerCloseOptions extends CloseOptions {
  readonly force?: boolean;
}
