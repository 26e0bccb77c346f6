/**
 * How a mechanism of authentication plugs into the handshake. The names `none`, `psk`, `bearer` and `certificate` are
 * taken; others begin with `x-`.
 *
 * The client's first message of its preferred mechanism travels in the ClientHello. Each AuthChallenge from the server
 * is answered by one AuthResponse; the ServerHello ends it. A server that settles for another mechanism of the client's
 * list says so by an empty challenge, which asks for the first message of that one. An exchange sees one handshake and
 * is then thrown away.
 */

/** What both ends know of the connection that the handshake is for. */
export interface AuthChannel {
  /** 32 bytes. */
  readonly clientNonce: Uint8Array;
  /**
   * SHA-256 of the leaf certificate that the server showed, 32 bytes. What a mechanism proves must include it, or a
   * server that TLS lets through can pass the proof on to another one.
   */
  readonly channelBinding: Uint8Array;
}

export type ClientAuthContext = AuthChannel;

export interface ClientAuthExchange {
  /** The first message; may be empty. Called once, and not before the mechanism is the one in use. */
  initial(): Uint8Array;
  /** Answers a challenge. Throws KwikError, ERR_KWIK_AUTH_FAILED for a server that fails to prove itself. */
  respond(challenge: Uint8Array, serverNonce: Uint8Array): Uint8Array;
  /** Whether the client may accept the session now: the server has proven what this mechanism makes it prove. */
  satisfied(): boolean;
}

/** PEM. */
export interface ClientCertificate {
  /** The leaf first, then its intermediates. */
  readonly cert: string;
  /** Private key of the leaf. */
  readonly key: string;
}

export interface ClientAuthenticator {
  readonly mechanism: string;
  /** What the client shows in the TLS handshake where the server asks for it. */
  readonly certificate?: ClientCertificate;
  begin(context: ClientAuthContext): ClientAuthExchange;
}

export interface ServerAuthContext extends AuthChannel {
  /** 32 bytes. */
  readonly serverNonce: Uint8Array;
  /** DER, leaf first; TLS has shown that the peer holds the leaf's key. */
  readonly peerCertificates: readonly Uint8Array[];
  /** Wall clock, milliseconds since 1970. */
  readonly nowMs: number;
  readonly random: (bytes: number) => Uint8Array;
}

export type AuthDecision =
  /** `identity`: who it is, for the application and the logs. */
  { readonly accepted: true; readonly identity?: string } | { readonly accepted: false };

export type AuthStep =
  | { readonly kind: 'challenge'; readonly data: Uint8Array }
  | { readonly kind: 'decided'; readonly decision: AuthDecision }
  /** Somebody outside must look at `data`: the handshake hands it to `check`, through whoever drives it. */
  | { readonly kind: 'ask'; readonly data: Uint8Array };

export interface ServerAuthExchange {
  /** Takes the client's first message, then each of its responses. */
  step(data: Uint8Array): AuthStep;
}

export interface ServerAuthenticator {
  readonly mechanism: string;
  /** PEM of authorities: TLS asks each client for a certificate of theirs, and refuses those of others. */
  readonly clientCa?: string;
  begin(context: ServerAuthContext): ServerAuthExchange;
  /** Answers what `ask` asks. The handshake never calls it: its driver does, and gives the decision back. */
  readonly check?: (data: Uint8Array) => AuthDecision | Promise<AuthDecision>;
}

export const NO_DATA: Uint8Array = new Uint8Array(0);
