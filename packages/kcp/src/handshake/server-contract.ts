import type { KwikError, PathId, proto, SessionId } from '@kwik/wire';
import type { AuthDecision, ServerAuthenticator } from '../auth/authenticator.js';
import type { KcpBody } from '../channel/kcp-body.js';
import type { JoinAdmission } from '../join/join-admission.js';
import type { SessionKeys } from '../keys/session-keys.js';
import type { SessionTicketFields } from '../takeover/session-ticket.js';
import type { VerifiedPathToken } from '../tokens/path-token.js';

export interface ServerHandshakeOptions {
  /** What clients may authenticate with. `none` only if it is listed. */
  readonly auth: readonly ServerAuthenticator[];
  readonly capabilities: readonly proto.Capability[];
  readonly limits: proto.Limits;
  /** At most 128 bytes. */
  readonly serverId: string;
  /** Cryptographically strong random bytes. */
  readonly random: (bytes: number) => Uint8Array;
  /** Public key of this server's signer, 32 bytes. */
  readonly serverKey: Uint8Array;
  readonly makeSessionId: () => SessionId;
  /** 32 random bytes. */
  readonly sessionSecret: () => Uint8Array;
  /** Sessions of which this server is the primary. */
  readonly findSession: (id: SessionId) => SessionKeys | undefined;
  /**
   * The session of another primary, whose standby this server is. Throws for a ticket that it does not take. Default: it is nobody's
   * standby.
   */
  readonly openTicket?: (ticket: Uint8Array, id: SessionId, nowMs: number) => SessionTicketFields;
  /** A path that lives here and may get a new connection. Default: there are none. */
  readonly findRenewable?: (id: SessionId, pathId: PathId) => RenewablePath | undefined;
  /** Decides about joins with a token. */
  readonly admission: JoinAdmission;
  /** DER, leaf first; what the peer showed in the TLS handshake. */
  readonly peerCertificates: readonly Uint8Array[];
  /** SHA-256 of the leaf certificate that this server showed on the connection, 32 bytes: `PathTransport.channelBinding`. */
  readonly channelBinding: Uint8Array;
  /** Newest first. Default: SUPPORTED_VERSIONS. */
  readonly versions?: readonly number[];
}

/** Whoever holds its session may give it a new connection. */
export interface RenewablePath {
  /** Ed25519, 32 bytes. */
  readonly possessionKey: Uint8Array;
  /** At the primary, which shows that it has them. */
  readonly keys?: SessionKeys;
}

export interface ServerHandshakeResult {
  /** `renew`: a path that lives has got a new connection. `takeover`: this server is the session's primary from now on. */
  readonly kind: 'open' | 'join-primary' | 'join-secondary' | 'renew' | 'takeover';
  readonly version: number;
  readonly sessionId: SessionId;
  /** At the primary; a secondary never learns the secret. */
  readonly keys?: SessionKeys;
  readonly pathId: PathId;
  /** What the client allows, defaults filled in. */
  readonly peerLimits: proto.Limits;
  readonly peerCapabilities: proto.Capability[];
  /** As the client says; made fit for a log line. */
  readonly agent: string;
  /** How the client authenticated; for `open`. */
  readonly mechanism?: string;
  readonly identity?: string;
  /** For `open`: what stream 0 begins with. */
  readonly early?: proto.EarlyData;
  /** What admitted the path; for joins with a token. */
  readonly token?: VerifiedPathToken;
  /** The key that signed the token, which signs the session's content grants, too. */
  readonly signer?: Uint8Array;
  /** For `takeover`: what the primary before sealed, and what the client says of the session. */
  readonly taken?: TakenSession;
}

export interface TakenSession {
  readonly ticket: SessionTicketFields;
  readonly state: proto.Takeover;
}

export type ServerStep =
  /** Send the body and wait for the client. */
  | { readonly kind: 'reply'; readonly body: KcpBody }
  /** Somebody must decide, usually `check(data)`, now or later; `decide` then gives the next step. */
  | {
      readonly kind: 'decide';
      readonly mechanism: string;
      readonly data: Uint8Array;
      readonly check: ServerAuthenticator['check'];
      /** To be called once; a second call throws ERR_KWIK_INVALID_STATE. */
      decide(decision: AuthDecision): ServerStep;
    }
  /** Send the body (the ServerHello); the handshake is over. */
  | { readonly kind: 'accepted'; readonly body: KcpBody; readonly result: ServerHandshakeResult }
  /** Send the body (an ErrorDetail), then close the connection with the error's code. */
  | { readonly kind: 'refused'; readonly body: KcpBody; readonly error: KwikError };
