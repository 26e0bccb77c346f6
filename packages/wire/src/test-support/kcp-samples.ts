import { Capability, ErrorScope, PathState, Priority } from '../gen/kwik/v1/common.js';
import type { ErrorDetail, Limits } from '../gen/kwik/v1/common.js';
import { DigestAlgorithm, RelayNoticeKind, StreamMode } from '../gen/kwik/v1/control.js';
import type * as kcp from '../gen/kwik/v1/control.js';
import type { KcpBody } from '../control/message-rules.js';

type Samples = { readonly [C in KcpBody['$case']]: Extract<KcpBody, { $case: C }>['value'] };

/** `length` bytes that differ from each other. */
export function filled(length: number, start = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (start + index) & 0xff);
}

export const SAMPLE_HEADER: kcp.MessageHeader = {
  id: 7n,
  inReplyTo: 300n,
  sessionId: filled(16),
  priority: Priority.HIGH,
  ttlMs: 5_000,
  timeMs: 1_700_000_000_000n,
};

const error: ErrorDetail = {
  code: 0x30,
  scope: ErrorScope.PATH,
  reason: 'die Straße ist zu',
  pathId: 2,
  streamId: 0n,
  retryAfterMs: 0,
};

const limits: Limits = {
  maxControlMessageBytes: 65_536,
  maxPacketBytes: 65_536,
  maxBidiStreams: 100,
  maxUniStreams: 100,
  maxStreamDataBytes: 1_048_576n,
  maxSessionDataBytes: 16_777_216n,
  maxRawPacketBytes: 16_384,
  maxDatagramBytes: 16_384,
  idleTimeoutMs: 30_000,
  maxPaths: 8,
  maxOutstandingRanges: 64,
};

const capabilities = [Capability.REPLICA, Capability.RELAY];
/** With a key that a plain object could not hold. */
const metadata = metadataOf(['region', 'eu-1'], ['__proto__', 'polluted?']);

const status: kcp.PathStatus = {
  pathId: 2,
  state: PathState.ACTIVE,
  reason: 'handshake done',
  rttUs: 20_500,
  deliveryRateBps: 2_500_000n,
  bytes: 1_000_000n,
  lostPackets: 3n,
};

const announcement: kcp.ServerAnnouncement = {
  serverId: 'b',
  address: '127.0.0.1:4434',
  capabilities,
  weight: 10,
  region: 'eu-1',
  ttlMs: 30_000,
  attributes: metadata,
};

const handshake = {
  clientHello: {
    versions: [2, 1],
    capabilities,
    limits,
    clientNonce: filled(32),
    authMechanisms: ['psk', 'none'],
    authInitial: filled(20),
    join: {
      ...{ sessionId: filled(16), token: filled(40), proof: filled(64), pathId: 1, renewal: true },
      takeover: {
        ticket: filled(40),
        clientBidiStreams: 3n,
        clientUniStreams: 1n,
        serverBidiStreams: 300n,
        serverUniStreams: 2n,
        serverBidiAllowed: 1_024n,
        serverUniAllowed: 1_025n,
        nextPathId: 5,
      },
    },
    agent: 'kwik-ts/0.1.0',
    channelBinding: filled(32),
    early: { data: filled(10), end: true, intent: { mode: StreamMode.RELIABLE, deadlineMs: 9, priority: 0 } },
  },
  serverHello: {
    version: 1,
    capabilities,
    limits,
    serverNonce: filled(32),
    sessionId: filled(16),
    sessionSecret: filled(32),
    serverKey: filled(32),
    pathId: 0,
    serverId: 'a',
    proof: filled(32),
  },
  authChallenge: { mechanism: 'psk', data: filled(20), serverNonce: filled(32) },
  authResponse: { mechanism: 'psk', data: filled(20) },
  error,
  close: { code: 0x45, reason: 'done', error: true },
  ping: { sequence: 300n, padding: filled(3) },
  pong: { sequence: 300n, clockMs: 1_700_000_000_000n },
  keyUpdate: { keyPhase: 1, salt: filled(32) },
};

const paths = {
  addPath: {
    pathId: 1,
    address: '[::1]:4434',
    serverName: 'b.example',
    pin: filled(32),
    token: filled(40),
    capabilities,
    timeoutMs: 5_000,
    weight: 1,
    metadata,
  },
  addPathResult: { pathId: 1, accepted: true, error, rttUs: 20_500, serverId: 'b', capabilities },
  removePath: { pathId: 1, reason: 'surplus', drainMs: 1_000, retryAfterMs: 2_000 },
  removePathResult: { pathId: 1, removed: true, error },
  pathStatus: status,
  pathDead: { pathId: 1, reason: 'silent', deadSinceMs: 1_700_000_000_000n },
  listPaths: { includeDead: true },
  pathList: { paths: [status, { ...status, pathId: 3, state: PathState.DEAD }] },
};

const content = {
  contentStart: {
    streamId: 4n,
    baseOffset: 10n,
    key: 'films/one.mkv',
    size: 30_000_000n,
    blockBytes: 65_536,
    digest: DigestAlgorithm.SHA256,
    grant: filled(40),
    initialBytes: 65_536n,
    endsStream: true,
  },
  contentDigests: { streamId: 4n, firstBlock: 2n, digests: filled(64) },
  rangeRequest: { streamId: 4n, requestId: 9n, offset: 131_072n, length: 65_536, grant: filled(40), baseOffset: 10n },
  contentResume: { streamId: 4n, baseOffset: 10n, blockBytes: 65_536, digestsEnd: 16n, grant: filled(40) },
  rangeCancel: { streamId: 4n, requestIds: [9n, 300n] },
  rangeRefused: { streamId: 4n, requestIds: [9n, 300n], error },
  contentProgress: {
    streamId: 4n,
    deliveredBytes: 1_000_000n,
    digestsEnd: 16n,
    sources: [{ pathId: 1, deliveredBytes: 500_000n, duplicateBytes: 100n, rejectedBytes: 1n }],
  },
  contentEnd: { streamId: 4n, complete: true, error },
  serverUntrusted: { pathId: 1, streamId: 4n, block: 7n, reason: 'wrong digest' },
};

/** One of each body, every field set. */
export const KCP_SAMPLES: Samples = {
  ...handshake,
  ...paths,
  streamOpened: {
    streamId: 4n,
    priority: 3,
    unidirectional: true,
    opening: 7n,
    metadata,
    intent: { mode: StreamMode.FAST, deadlineMs: 50, priority: 1, affinityPathId: 2 },
  },
  rawPacket: { pathId: 1, data: filled(20), sequence: 5n },
  rawPacketResult: { pathId: 1, relayed: true, error },
  contributionGrant: {
    streamId: 4n,
    pathId: 1,
    ranges: [
      { offset: 300n, length: 7n },
      { offset: 70_000n, length: 1n },
    ],
  },
  contributionGrantResult: { streamId: 4n, pathId: 1 },
  ...content,
  healthReport: { serverId: 'b', loadPermille: 750, sessions: 12, memoryBytes: 100_000_000n, accepting: true },
  serverAnnouncement: announcement,
  serverQuery: { capabilities, region: 'eu-1', limit: 10 },
  serverList: { servers: [announcement, { ...announcement, serverId: 'c' }] },
  capacityReport: { pathId: 1, capacityBps: 2_500_000n, usedBps: 2_000_000n, predictedBps: 3_000_000n },
  scaleRequest: { pathsDelta: -1, reason: 'idle' },
  scaleResult: { pathsDelta: -1, accepted: true, error },
  relayOpen: { connectionIds: [filled(8), filled(8)], anchor: 'a.example:4433' },
  relayOpened: { bytes: 1_000_000_000n, bytesPerSecond: 125_000_000n, durationMs: 3_600_000n },
  relayClose: { connectionIds: [filled(8)] },
  relayNotice: { kind: RelayNoticeKind.DRAINING, bytesLeft: 200_000_000n, msLeft: 720_000n, pathId: 1 },
  standby: { address: 'b.example:4433', serverName: 'b.example', ticket: filled(40), lifeMs: 60_000, leaving: true },
};

export const KCP_CASES = Object.keys(KCP_SAMPLES) as KcpBody['$case'][];

/** A message with this body; the caller answers for the pairing of case and value. */
export function messageOf($case: KcpBody['$case'], value: object = KCP_SAMPLES[$case]): kcp.KcpMessage {
  return { header: SAMPLE_HEADER, body: { $case, value } as KcpBody };
}

function metadataOf(...entries: [string, string][]): Map<string, string> {
  return new Map(entries);
}
