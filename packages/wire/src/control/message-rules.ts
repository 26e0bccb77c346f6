/** What each control message may hold. The bounds are in limits/wire-limits.ts; the README explains them. */
import { Capability, ErrorScope, PathState, Priority } from '../gen/kwik/v1/common.js';
import type { ErrorDetail, Limits } from '../gen/kwik/v1/common.js';
import { DigestAlgorithm, RelayNoticeKind, StreamMode } from '../gen/kwik/v1/control.js';
import type * as kcp from '../gen/kwik/v1/control.js';
import { MAX_VARINT } from '../ids/ids.js';
import { CONTROL_LIMITS as MAX, MAX_CONTROL_MESSAGE_BYTES, MAX_STREAM_PRIORITY } from '../limits/wire-limits.js';
import {
  blob,
  bytesOf,
  enumOf,
  flag,
  int32,
  listOf,
  multipleOf,
  nested,
  type Rule,
  text,
  textMap,
  u32,
  u62,
  upTo,
} from './rules.js';

export type KcpBody = NonNullable<kcp.KcpMessage['body']>;
type BodyValue<C extends KcpBody['$case']> = Extract<KcpBody, { $case: C }>['value'];
export type BodyRules = { readonly [C in KcpBody['$case']]: Rule<BodyValue<C>> };

const SESSION_ID_BYTES = 16;
const NONCE_BYTES = 32;
const SECRET_BYTES = 32;
const TOKEN_ID_BYTES = 16;
/** Ed25519 (RFC 8032): raw public key and signature. */
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** SHA-256. */
const DIGEST_BYTES = 32;
/** What @kwik/quic gives its connections; short headers do not say how long an id is, so it is fixed. */
const RELAY_ID_BYTES = 8;

const capabilities = listOf(MAX.capabilities, enumOf(Capability));
const metadata = textMap(MAX.metadataEntries, MAX.metadataBytes);
const reason = text(MAX.reasonBytes);
const serverId = text(MAX.serverIdBytes);
const contentKey = text(MAX.contentKeyBytes);
const envelope = blob(MAX.envelopeBytes);
const requestIds = listOf(MAX.requestIds, u62);
const digest = enumOf(DigestAlgorithm);

const contributionRanges = listOf(
  MAX.contributionRanges,
  nested<kcp.ContributionRange>({ offset: u62, length: u62 }, ({ offset, length }) => extentFault(offset, length)),
);

const errorDetail = nested<ErrorDetail>({
  code: u32,
  scope: enumOf(ErrorScope),
  reason,
  pathId: u32,
  streamId: u62,
  retryAfterMs: u32,
});

const limits = nested<Limits>({
  maxControlMessageBytes: u32,
  maxPacketBytes: u32,
  maxBidiStreams: u32,
  maxUniStreams: u32,
  maxStreamDataBytes: u62,
  maxSessionDataBytes: u62,
  maxRawPacketBytes: u32,
  idleTimeoutMs: u32,
  maxPaths: u32,
  maxOutstandingRanges: u32,
  maxDatagramBytes: u32,
});

const takeover = nested<kcp.Takeover>({
  ticket: blob(MAX.ticketBytes),
  clientBidiStreams: u62,
  clientUniStreams: u62,
  serverBidiStreams: u62,
  serverUniStreams: u62,
  serverBidiAllowed: u62,
  serverUniAllowed: u62,
  nextPathId: u32,
});

const join = nested<kcp.Join>({
  sessionId: bytesOf(SESSION_ID_BYTES),
  token: envelope,
  // Empty at the primary, which asks for it by a challenge.
  proof: bytesOf(0, SIGNATURE_BYTES),
  pathId: u32,
  renewal: flag,
  takeover,
});

const pathStatus = nested<kcp.PathStatus>({
  pathId: u32,
  state: enumOf(PathState),
  reason,
  rttUs: u32,
  deliveryRateBps: u62,
  bytes: u62,
  lostPackets: u62,
});

const serverAnnouncement = nested<kcp.ServerAnnouncement>({
  serverId,
  address: text(MAX.addressBytes),
  capabilities,
  weight: u32,
  region: text(MAX.regionBytes),
  ttlMs: u32,
  attributes: metadata,
});

export const HEADER_RULE = nested<kcp.MessageHeader>({
  id: u62,
  inReplyTo: u62,
  sessionId: bytesOf(0, SESSION_ID_BYTES),
  priority: enumOf(Priority),
  ttlMs: u32,
  timeMs: u62,
});

const intent = nested<kcp.StreamIntent>({
  mode: enumOf(StreamMode),
  deadlineMs: u32,
  priority: upTo(MAX_STREAM_PRIORITY),
  affinityPathId: u32,
});

const early = nested<kcp.EarlyData>({ data: blob(MAX.earlyBytes), end: flag, intent });

const HANDSHAKE_RULES = {
  clientHello: nested<kcp.ClientHello>({
    versions: listOf(MAX.versions, u32),
    capabilities,
    limits,
    clientNonce: bytesOf(NONCE_BYTES),
    authMechanisms: listOf(MAX.mechanisms, text(MAX.mechanismBytes)),
    authInitial: blob(MAX.authBytes),
    join,
    agent: text(MAX.agentBytes),
    channelBinding: bytesOf(0, DIGEST_BYTES),
    early,
  }),
  serverHello: nested<kcp.ServerHello>({
    version: u32,
    capabilities,
    limits,
    serverNonce: bytesOf(NONCE_BYTES),
    sessionId: bytesOf(SESSION_ID_BYTES),
    sessionSecret: bytesOf(0, SECRET_BYTES),
    serverKey: bytesOf(0, KEY_BYTES),
    pathId: u32,
    serverId,
    proof: bytesOf(0, DIGEST_BYTES),
  }),
  authChallenge: nested<kcp.AuthChallenge>({
    mechanism: text(MAX.mechanismBytes),
    data: blob(MAX.authBytes),
    serverNonce: bytesOf(0, NONCE_BYTES),
  }),
  authResponse: nested<kcp.AuthResponse>({ mechanism: text(MAX.mechanismBytes), data: blob(MAX.authBytes) }),
  error: errorDetail,
  close: nested<kcp.Close>({ code: u32, reason, error: flag }),
  ping: nested<kcp.Ping>({ sequence: u62, padding: blob(MAX.paddingBytes) }),
  pong: nested<kcp.Pong>({ sequence: u62, clockMs: u62 }),
  keyUpdate: nested<kcp.KeyUpdate>({ keyPhase: u32, salt: blob(MAX.saltBytes) }),
};

const PATH_RULES = {
  addPath: nested<kcp.AddPath>({
    pathId: u32,
    address: text(MAX.addressBytes),
    serverName: text(MAX.serverNameBytes),
    pin: bytesOf(0, DIGEST_BYTES),
    token: envelope,
    capabilities,
    timeoutMs: u32,
    weight: u32,
    metadata,
  }),
  addPathResult: nested<kcp.AddPathResult>({
    pathId: u32,
    accepted: flag,
    error: errorDetail,
    rttUs: u32,
    serverId,
    capabilities,
  }),
  removePath: nested<kcp.RemovePath>({ pathId: u32, reason, drainMs: u32, retryAfterMs: u32 }),
  removePathResult: nested<kcp.RemovePathResult>({ pathId: u32, removed: flag, error: errorDetail }),
  pathStatus,
  pathDead: nested<kcp.PathDead>({ pathId: u32, reason, deadSinceMs: u62 }),
  listPaths: nested<kcp.ListPaths>({ includeDead: flag }),
  pathList: nested<kcp.PathList>({ paths: listOf(MAX.listedPaths, pathStatus) }),
};

const STREAM_RULES = {
  streamOpened: nested<kcp.StreamOpened>({
    streamId: u62,
    priority: upTo(MAX_STREAM_PRIORITY),
    unidirectional: flag,
    metadata,
    opening: u62,
    intent,
  }),
  rawPacket: nested<kcp.RawPacketCommand>({ pathId: u32, data: blob(MAX.bulkBytes), sequence: u62 }),
  rawPacketResult: nested<kcp.RawPacketResult>({ pathId: u32, relayed: flag, error: errorDetail }),
  contributionGrant: nested<kcp.ContributionGrant>({ streamId: u62, pathId: u32, ranges: contributionRanges }),
  contributionGrantResult: nested<kcp.ContributionGrantResult>({ streamId: u62, pathId: u32 }),
};

const CONTENT_RULES = {
  contentStart: nested<kcp.ContentStart>(
    {
      streamId: u62,
      baseOffset: u62,
      key: contentKey,
      size: u62,
      blockBytes: u32,
      digest,
      grant: envelope,
      initialBytes: u62,
      endsStream: flag,
    },
    ({ baseOffset, size }) => extentFault(baseOffset, size),
  ),
  contentDigests: nested<kcp.ContentDigests>({
    streamId: u62,
    firstBlock: u62,
    digests: multipleOf(DIGEST_BYTES, MAX.bulkBytes),
  }),
  rangeRequest: nested<kcp.RangeRequest>(
    { streamId: u62, requestId: u62, offset: u62, length: u32, grant: envelope, baseOffset: u62 },
    ({ offset, length, baseOffset }) => extentFault(baseOffset + offset, BigInt(length)),
  ),
  contentResume: nested<kcp.ContentResume>({
    streamId: u62,
    baseOffset: u62,
    blockBytes: u32,
    digestsEnd: u62,
    grant: envelope,
  }),
  rangeCancel: nested<kcp.RangeCancel>({ streamId: u62, requestIds }),
  rangeRefused: nested<kcp.RangeRefused>({ streamId: u62, requestIds, error: errorDetail }),
  contentProgress: nested<kcp.ContentProgress>({
    streamId: u62,
    deliveredBytes: u62,
    digestsEnd: u62,
    sources: listOf(
      MAX.sources,
      nested<kcp.SourceProgress>({ pathId: u32, deliveredBytes: u62, duplicateBytes: u62, rejectedBytes: u62 }),
    ),
  }),
  contentEnd: nested<kcp.ContentEnd>({ streamId: u62, complete: flag, error: errorDetail }),
  serverUntrusted: nested<kcp.ServerUntrusted>({ pathId: u32, streamId: u62, block: u62, reason }),
};

const SERVER_RULES = {
  healthReport: nested<kcp.HealthReport>({
    serverId,
    loadPermille: upTo(1_000),
    sessions: u32,
    memoryBytes: u62,
    accepting: flag,
  }),
  serverAnnouncement,
  serverQuery: nested<kcp.ServerQuery>({ capabilities, region: text(MAX.regionBytes), limit: u32 }),
  serverList: nested<kcp.ServerList>({ servers: listOf(MAX.listedServers, serverAnnouncement) }),
  capacityReport: nested<kcp.CapacityReport>({ pathId: u32, capacityBps: u62, usedBps: u62, predictedBps: u62 }),
  scaleRequest: nested<kcp.ScaleRequest>({ pathsDelta: int32, reason }),
  scaleResult: nested<kcp.ScaleResult>({ pathsDelta: int32, accepted: flag, error: errorDetail }),
};

const relayIds = listOf(MAX.relayIds, bytesOf(RELAY_ID_BYTES));

const RELAY_RULES = {
  relayOpen: nested<kcp.RelayOpen>({ connectionIds: relayIds, anchor: text(MAX.addressBytes) }),
  relayOpened: nested<kcp.RelayOpened>({ bytes: u62, bytesPerSecond: u62, durationMs: u62 }),
  relayClose: nested<kcp.RelayClose>({ connectionIds: relayIds }),
  relayNotice: nested<kcp.RelayNotice>({ kind: enumOf(RelayNoticeKind), bytesLeft: u62, msLeft: u62, pathId: u32 }),
};

const STANDBY_RULES = {
  standby: nested<kcp.Standby>({
    address: text(MAX.addressBytes),
    serverName: text(MAX.serverNameBytes),
    ticket: blob(MAX.ticketBytes),
    lifeMs: u32,
    leaving: flag,
  }),
};

/** A rule for every body; a body that is added to the protocol without one does not compile. */
export const BODY_RULES: BodyRules = {
  ...HANDSHAKE_RULES,
  ...PATH_RULES,
  ...STREAM_RULES,
  ...CONTENT_RULES,
  ...SERVER_RULES,
  ...RELAY_RULES,
  ...STANDBY_RULES,
};

const relayGrant = nested<kcp.RelayGrant>({
  anchors: listOf(MAX.anchors, text(MAX.addressBytes)),
  bytes: u62,
  bytesPerSecond: u62,
  durationMs: u62,
});

/** The messages that travel signed or sealed, inside fields of others. */
export const SIGNED_RULES = {
  sessionTicket: nested<kcp.SessionTicket>({
    sessionId: bytesOf(SESSION_ID_BYTES),
    sessionSecret: bytesOf(SECRET_BYTES),
    ticketId: bytesOf(TOKEN_ID_BYTES),
    expiresMs: u62,
    identity: text(MAX.identityBytes),
    grantKeys: listOf(MAX.grantKeys, bytesOf(KEY_BYTES)),
    primary: text(MAX.addressBytes),
    takeovers: u32,
  }),
  pathToken: nested<kcp.PathToken>({
    sessionId: bytesOf(SESSION_ID_BYTES),
    server: text(MAX.addressBytes),
    notBeforeMs: u62,
    expiresMs: u62,
    capabilities,
    pathId: u32,
    tokenId: bytesOf(TOKEN_ID_BYTES),
    possessionKey: bytesOf(KEY_BYTES),
    relay: relayGrant,
  }),
  contentGrant: nested<kcp.ContentGrant>({
    sessionId: bytesOf(SESSION_ID_BYTES),
    streamId: u62,
    key: contentKey,
    size: u62,
    expiresMs: u62,
  }),
  signedEnvelope: nested<kcp.SignedEnvelope>({
    payload: envelope,
    signature: bytesOf(SIGNATURE_BYTES),
    signer: bytesOf(KEY_BYTES),
    chain: listOf(MAX.certificates, blob(MAX.envelopeBytes)),
    delegation: blob(MAX_CONTROL_MESSAGE_BYTES),
  }),
};

function extentFault(start: bigint, length: bigint): string | undefined {
  return start + length > MAX_VARINT ? 'reaches beyond 2^62-1' : undefined;
}
