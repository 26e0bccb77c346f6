import type { KwikError } from '../errors/kwik-error.js';
import type { AbortSignalLike } from './path-network.js';

/**
 * What a server offers to sessions. `primary`: it accepts them, so that a client can dial it. `takeover`: it takes over those of
 * other servers of its service, whose key it has.
 */
export type ServerCapability = 'primary' | 'replica' | 'relay' | 'contribute' | 'raw' | 'takeover';

/** What is known of a server, from one source or merged from several. */
export interface ServerRecord {
  /** The server's own name, which tells it from all others of its service. Empty: it has none, and is known by its address. */
  readonly serverId: string;
  /** `host:port`, the preferred first; one at least. */
  readonly addresses: readonly string[];
  readonly capabilities: readonly ServerCapability[];
  /** Where it stands; empty when not said. A zone lies in a region, and fails as a whole. */
  readonly region: string;
  readonly zone: string;
  readonly tags: readonly string[];
  /** Its share among equals, from 1 to 65,535. */
  readonly weight: number;
  /** Servers of a larger number are used when none of a smaller one can be (RFC 2782). */
  readonly priority: number;
  /** From 0, idle, to 1, full; undefined when not said. */
  readonly load: number | undefined;
  /** False while it drains: who is there stays, nobody new comes. */
  readonly accepting: boolean;
  /** The name in its certificate, where that is not the host of the address. */
  readonly serverName: string | undefined;
  /** SHA-256 of its TLS key (SPKI), hexadecimal. A further condition, never a reason to trust. */
  readonly pin: string | undefined;
  /** Whatever else it says of itself. */
  readonly attributes: ReadonlyMap<string, string>;
  /** Who vouches for all of this, and for how long; undefined: nobody. */
  readonly signature: RecordSignature | undefined;
}

/** An Ed25519 signature over a record. Times are milliseconds since 1970. */
export interface RecordSignature {
  /** SHA-256 of the public key (SPKI), hexadecimal. */
  readonly keyId: string;
  readonly issuedMs: number;
  readonly expiresMs: number;
  /** Base64url, of 64 bytes. */
  readonly value: string;
}

/** A record, and how long its source believes it. */
export interface FoundServer {
  readonly record: ServerRecord;
  /** Milliseconds from when it was found; undefined: as long as its source names it. */
  readonly ttlMs: number | undefined;
}

/** All that a source knows at one time: it replaces what the source said before. */
export interface DiscoverySnapshot {
  readonly servers: readonly FoundServer[];
  /** What the source found and could not use: why, in a line each. */
  readonly problems?: readonly string[];
}

/** Judges records before they are kept. */
export interface RecordVerifier {
  /** Why the record, which `source` brought, is not to be believed; undefined: it may be. */
  refusal(record: ServerRecord, source: string, nowMs: number): string | undefined;
}

/** Which servers are wanted. What is left out matters not. */
export interface ServerQuery {
  /** All of these. */
  readonly capabilities?: readonly ServerCapability[];
  readonly region?: string;
  readonly zone?: string;
  /** All of these. */
  readonly tags?: readonly string[];
  /** Those at or below this load; servers that do not say theirs are taken. */
  readonly maxLoad?: number;
  /** Server ids and addresses that are not wanted: those in use, for one. */
  readonly exclude?: readonly string[];
}

export interface SelectionRequest extends ServerQuery {
  /** How many servers at the most. */
  readonly count: number;
  /** Half of them, but for the first, stand elsewhere than the nearest, where that can be: not all of them fail together. */
  readonly apart?: boolean;
}

/** A server that was chosen. */
export interface ChosenServer {
  readonly record: ServerRecord;
  /** In one line, for people. */
  readonly reason: string;
}

export interface RejectedServer {
  readonly record: ServerRecord;
  readonly reason: string;
}

export interface SelectionResult {
  /** The best first. */
  readonly chosen: readonly ChosenServer[];
  /** Those that are suitable and were not needed come first; 64 at the most. */
  readonly rejected: readonly RejectedServer[];
  /** What holds for the choice as a whole: sources that failed, too few healthy servers. */
  readonly notes: readonly string[];
}

/** What came of using a server. */
export type ServerOutcome =
  /** It answered. `rttMs`: the round trip, where known. */
  | { readonly kind: 'success'; readonly rttMs?: number }
  /** It did not answer, or refused, or was lost. */
  | { readonly kind: 'failure'; readonly error: KwikError };

/** What a server said of itself just now. */
export interface ServerHeartbeat {
  readonly load: number;
  readonly accepting: boolean;
}

/** The servers of one service, as all sources together know them. */
export interface ServerDirectory {
  readonly service: string;
  /**
   * Chooses among what is known. Waits for the first answers of the sources while nothing suits. Rejects with ERR_KWIK_ABORTED when
   * `signal` is aborted, and with ERR_KWIK_INVALID_ARGUMENT for a request that cannot be: that nothing was found is an answer.
   */
  select(
    request: SelectionRequest,
    options?: { readonly signal?: AbortSignalLike | undefined },
  ): Promise<SelectionResult>;
  /** The same, from what is known now. Throws ERR_KWIK_INVALID_ARGUMENT. */
  selectNow(request: SelectionRequest): SelectionResult;
  /** What is known of the server of this id or address. */
  find(idOrAddress: string): ServerRecord | undefined;
  /** All that suit, in no order; `limit` at the most. Throws ERR_KWIK_INVALID_ARGUMENT for a query that cannot be. */
  search(query: ServerQuery, limit: number): readonly ServerRecord[];
  /** Whether the server may be used on: it is known, drains not and is not put out for its failures. */
  usable(idOrAddress: string): boolean;
  /** Calls `listener` after changes, several of them together. Returns what ends it. */
  onChange(listener: () => void): () => void;
  observe(idOrAddress: string, outcome: ServerOutcome): void;
  heartbeat(idOrAddress: string, heartbeat: ServerHeartbeat): void;
}

/** Finds servers by the name of their service. */
export interface Discovery {
  /** Throws ERR_KWIK_INVALID_ARGUMENT for a name that cannot be, ERR_KWIK_LIMIT_EXCEEDED for too many at once. */
  service(name: string): ServerDirectory;
}
