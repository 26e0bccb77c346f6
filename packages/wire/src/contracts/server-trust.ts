/** A server, as others know it. What it says of itself is no part of it. */
export interface KnownServer {
  /** `host:port`, as it was named. */
  readonly address: string;
  /** SHA-256 of its TLS key (SPKI), hexadecimal; known once it was connected. */
  readonly pin?: string | undefined;
}

/** What a server did, as the one who used it saw it. */
export type ServerConduct =
  /** A handshake succeeded. */
  | 'connected'
  /** No connection, or none any more: no answer, refused, lost. */
  | 'unreachable'
  /** It delivered what it was asked for, and the digests match. */
  | 'delivered'
  /** It refused, or could not read, a range that it should have. */
  | 'refused-range'
  /** Far later than the others. That says nothing of its honesty. */
  | 'slow'
  /** Its bytes do not match the primary's digests. */
  | 'wrong-content'
  /** It broke the protocol, or is not who it should be. */
  | 'violation';

/** What a server would be used for. */
export type ServerUse = 'contribute' | 'replica' | 'relay' | 'raw';

/** Which servers may be used, by what they did. Times are milliseconds since 1970. */
export interface ServerTrust {
  /** Why the server is not to be used for this now, in one line; undefined: it may be. */
  refusal(server: KnownServer, uses: readonly ServerUse[], nowMs: number): string | undefined;
  observe(server: KnownServer, conduct: ServerConduct, nowMs: number): void;
}
