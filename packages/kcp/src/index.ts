export {
  type AuthDecision,
  type AuthStep,
  type ClientAuthContext,
  type ClientAuthExchange,
  type ClientAuthenticator,
  type ServerAuthContext,
  type ServerAuthExchange,
  type ServerAuthenticator,
} from './auth/authenticator.js';
export { MAX_BEARER_BYTES, bearerClientAuth, bearerServerAuth } from './auth/bearer.js';
export { type CertificateServerAuthOptions, certificateClientAuth, certificateServerAuth } from './auth/certificate.js';
export { noneClientAuth, noneServerAuth } from './auth/none.js';
export { MIN_PSK_BYTES, pskClientAuth, pskServerAuth } from './auth/psk.js';
export {
  ControlChannel,
  type ControlChannelOptions,
  type ControlCounters,
  DEFAULT_MAX_PENDING_REQUESTS,
  DEFAULT_MAX_QUEUED_BYTES,
  MAX_STRANGER_MESSAGES,
  MAX_STRANGER_MESSAGE_BYTES,
  type RequestOptions,
  type SendOptions,
} from './channel/control-channel.js';
export type { ControlEvent } from './channel/inbox.js';
export type { ControlValues, KcpBody } from './channel/kcp-body.js';
export {
  type AnswerTo,
  type ControlSpeaker,
  CONTROL_MESSAGES,
  defaultPriority,
  isRequest,
  maySend,
  type ReplyTo,
  type RequestKind,
} from './channel/message-table.js';
export { type KeyPairBytes } from './crypto/ed25519.js';
export { errorFromDetail, errorOfPeer, errorToDetail } from './errors/error-detail.js';
export { SESSION_SECRET_BYTES, type SessionKeys, deriveSessionKeys } from './keys/session-keys.js';
export { type Admission, JoinAdmission, type JoinAdmissionOptions, type JoinCounters } from './join/join-admission.js';
export {
  type JoinTranscript,
  type PrimaryJoinTranscript,
  joinProven,
  primaryJoinProven,
  proveJoin,
  provePrimaryJoin,
} from './join/join-proof.js';
export {
  type ContentGrantFields,
  type VerifyContentGrantOptions,
  issueContentGrant,
  verifyContentGrant,
} from './tokens/content-grant.js';
export { type Delegation, delegate } from './tokens/delegation.js';
export {
  CLOCK_SKEW_MS,
  DEFAULT_TOKEN_LIFE_MS,
  type PathTokenFields,
  type VerifiedPathToken,
  type VerifyPathTokenOptions,
  issuePathToken,
  verifyPathToken,
} from './tokens/path-token.js';
export type { RefusalName } from './tokens/refusal.js';
export { Ed25519Signer, type TokenSigner } from './tokens/signer.js';
export { SignerTrust, type TrustPolicy } from './tokens/trust.js';
export type { TrustDomains } from './tokens/trust-domains.js';
export { DEFAULT_MAX_USED_TOKENS, UsedTokens } from './tokens/used-tokens.js';
export {
  ClientHandshake,
  type ClientHandshakeOptions,
  type ClientHandshakeResult,
  type ClientStep,
  type JoinPurpose,
} from './handshake/client-handshake.js';
export { MAX_AUTH_ROUNDS } from './handshake/hello-rules.js';
export { DEFAULT_LIMITS, resolveLimits } from './handshake/limits.js';
export type {
  RenewablePath,
  ServerHandshakeOptions,
  ServerHandshakeResult,
  ServerStep,
  TakenSession,
} from './handshake/server-contract.js';
export { ServerHandshake } from './handshake/server-handshake.js';
export {
  FLEET_KEY_BYTES,
  MAX_TICKET_LIFE_MS,
  type SessionTicketFields,
  SessionTickets,
  TICKET_ID_BYTES,
} from './takeover/session-ticket.js';
export { PROTOCOL_VERSION, SUPPORTED_VERSIONS } from './handshake/version.js';
