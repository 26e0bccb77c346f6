import { describe, expect, test } from '@jest/globals';
import { KcpMessage } from '../gen/kwik/v1/control.js';
import { KCP_SAMPLES, messageOf, SAMPLE_HEADER } from '../test-support/kcp-samples.js';
import { kwikErrorOf } from '../test-support/outcomes.js';
import { decodeKcpMessage, encodeKcpMessage } from './kcp-message.js';
import type { KcpBody } from './message-rules.js';

const bytes = (length: number): Uint8Array => new Uint8Array(length);
const text = (length: number): string => 'x'.repeat(length);
const many = <T>(length: number, value: T): T[] => Array<T>(length).fill(value);
const LARGE = 1n << 62n;
const S = KCP_SAMPLES;
const grantRange = { offset: 10n, length: 5n };

/** A field's last value that is taken, the first that is not, and what the error says. */
const BOUNDS: readonly [KcpBody['$case'], string, unknown, unknown, RegExp][] = [
  ['clientHello', 'versions', many(16, 1), many(17, 1), /17 elements/],
  ['clientHello', 'capabilities', many(32, 2), many(33, 2), /33 elements/],
  ['clientHello', 'clientNonce', bytes(32), bytes(31), /31 bytes, not 32/],
  ['clientHello', 'authMechanisms', [text(64)], [text(65)], /authMechanisms\[0\] is longer than 64/],
  ['clientHello', 'authInitial', bytes(16_384), bytes(16_385), /16385 bytes/],
  ['clientHello', 'agent', text(64), text(65), /agent is longer/],
  ['clientHello', 'join', undefined, { ...S.clientHello.join, proof: bytes(63) }, /join\.proof has 63 bytes/],
  [
    'clientHello',
    'join',
    { ...S.clientHello.join, token: bytes(0) },
    { ...S.clientHello.join, sessionId: bytes(0) },
    /sessionId/,
  ],
  [
    'clientHello',
    'limits',
    undefined,
    { ...S.clientHello.limits, maxStreamDataBytes: LARGE },
    /limits\.maxStreamDataBytes/,
  ],
  ['serverHello', 'serverNonce', bytes(32), bytes(33), /33 bytes/],
  ['serverHello', 'sessionId', bytes(16), bytes(0), /0 bytes, not 16/],
  ['serverHello', 'sessionSecret', bytes(0), bytes(31), /31 bytes, not 0 or 32/],
  ['serverHello', 'serverKey', bytes(0), bytes(64), /64 bytes/],
  ['serverHello', 'serverId', text(128), text(129), /serverId/],
  ['authChallenge', 'mechanism', text(64), text(65), /mechanism/],
  ['authChallenge', 'serverNonce', bytes(0), bytes(1), /1 bytes/],
  ['authResponse', 'data', bytes(16_384), bytes(16_385), /16385 bytes/],
  ['error', 'reason', text(512), text(513), /reason is longer than 512/],
  // Bytes of UTF-8 are counted, not letters.
  ['error', 'reason', 'ß'.repeat(256), 'ß'.repeat(257), /reason is longer than 512/],
  ['error', 'streamId', undefined, LARGE, /streamId/],
  ['close', 'reason', text(512), text(513), /reason/],
  ['ping', 'sequence', LARGE - 1n, LARGE, /sequence is not from 0/],
  ['pong', 'sequence', LARGE - 1n, LARGE, /sequence/],
  ['pong', 'clockMs', LARGE - 1n, LARGE, /clockMs/],
  ['addPath', 'address', text(264), text(265), /address/],
  ['addPath', 'serverName', text(253), text(254), /serverName/],
  ['addPath', 'pin', bytes(0), bytes(20), /pin has 20 bytes/],
  ['addPath', 'token', bytes(16_384), bytes(16_385), /token/],
  ['addPath', 'metadata', new Map([['a', text(1_023)]]), new Map([['a', text(1_024)]]), /larger than 1024/],
  ['addPathResult', 'error', undefined, { ...S.error, reason: text(513) }, /addPathResult\.error\.reason/],
  ['removePath', 'reason', text(512), text(513), /reason/],
  ['pathStatus', 'bytes', LARGE - 1n, LARGE, /bytes/],
  ['pathDead', 'deadSinceMs', LARGE - 1n, LARGE, /deadSinceMs/],
  [
    'pathList',
    'paths',
    many(100, S.pathStatus),
    [S.pathStatus, { ...S.pathStatus, lostPackets: LARGE }],
    /paths\[1\]\.lostPackets/,
  ],
  ['streamOpened', 'priority', 7, 8, /priority is not 0 to 7/],
  ['streamOpened', 'metadata', entries(32), entries(33), /(33 entries|more than 32)/],
  ['rawPacket', 'data', bytes(61_440), bytes(61_441), /61441 bytes/],
  ['contributionGrant', 'ranges', many(512, grantRange), many(513, grantRange), /(513 elements|more than 512)/],
  ['contributionGrant', 'ranges', [], [{ offset: LARGE - 5n, length: 5n }], /ranges\[0\] reaches beyond/],
  ['contentStart', 'key', text(1_024), text(1_025), /key/],
  ['contentStart', 'size', LARGE - 11n, LARGE - 10n, /contentStart reaches beyond/],
  ['contentDigests', 'digests', bytes(61_440), bytes(61_472), /61472 bytes/],
  ['contentDigests', 'digests', bytes(32), bytes(33), /multiple of 32/],
  ['contentDigests', 'digests', bytes(32), bytes(0), /0 bytes/],
  ['rangeRequest', 'offset', LARGE - 65_547n, LARGE - 65_546n, /rangeRequest reaches beyond/],
  ['rangeCancel', 'requestIds', many(1_024, 1n), many(1_025, 1n), /(1025 elements|more than 1024)/],
  ['rangeRefused', 'requestIds', [], [LARGE], /requestIds\[0\]/],
  [
    'contentProgress',
    'sources',
    [],
    [{ ...S.contentProgress.sources[0], duplicateBytes: LARGE }],
    /sources\[0\]\.duplicateBytes/,
  ],
  ['serverUntrusted', 'block', LARGE - 1n, LARGE, /block/],
  ['healthReport', 'loadPermille', 1_000, 1_001, /loadPermille is not 0 to 1000/],
  ['serverAnnouncement', 'region', text(64), text(65), /region/],
  ['serverQuery', 'region', text(64), text(65), /region/],
  ['serverList', 'servers', many(256, announcement()), many(257, announcement()), /(257 elements|more than 256)/],
  ['capacityReport', 'predictedBps', LARGE - 1n, LARGE, /predictedBps/],
  ['scaleRequest', 'reason', text(512), text(513), /reason/],
  ['ping', 'padding', bytes(1_024), bytes(1_025), /padding/],
  ['keyUpdate', 'salt', bytes(64), bytes(65), /salt/],
];

describe('bounds of control messages', () => {
  test.each(BOUNDS)('%s.%s', ($case, field, last, first, says) => {
    const withField = (value: unknown): KcpMessage => messageOf($case, { ...KCP_SAMPLES[$case], [field]: value });
    const taken = withField(last);
    expect(decodeKcpMessage(KcpMessage.encode(taken).finish())).toEqual(taken);
    expect(() => encodeKcpMessage(taken)).not.toThrow();

    const refused = withField(first);
    const peer = kwikErrorOf(() => decodeKcpMessage(KcpMessage.encode(refused).finish()));
    expect([peer.code, peer.scope]).toEqual(['ERR_KWIK_INVALID_MESSAGE', 'peer']);
    const local = kwikErrorOf(() => encodeKcpMessage(refused));
    expect([local.code, local.scope]).toEqual(['ERR_KWIK_INVALID_MESSAGE', 'local']);
    // A count that is too high is found by the walk over the bytes, or by the table, which words it otherwise.
    expect([peer.message, local.message].some((message) => says.test(message))).toBe(true);
  });

  test.each([
    ['id', LARGE],
    ['inReplyTo', LARGE],
    ['sessionId', bytes(15)],
    ['timeMs', LARGE],
  ])('header.%s', (field, value) => {
    const message: KcpMessage = { header: { ...SAMPLE_HEADER, [field]: value }, body: undefined };
    const error = kwikErrorOf(() => decodeKcpMessage(KcpMessage.encode(message).finish()));
    expect(error.message).toContain(`header.${field}`);
  });

  test.each([
    ['a fraction', 'removePath', { ...S.removePath, drainMs: 0.5 }],
    ['a negative number', 'removePath', { ...S.removePath, pathId: -1 }],
    ['more than 32 bits', 'close', { ...S.close, code: 2 ** 32 }],
    ['more than 31 bits with a sign', 'scaleRequest', { ...S.scaleRequest, pathsDelta: 2 ** 31 }],
    ['a negative id', 'ping', { ...S.ping, sequence: -1n }],
  ] as const)('%s does not leave this side', (_, $case, value) => {
    expect(kwikErrorOf(() => encodeKcpMessage(messageOf($case, value))).code).toBe('ERR_KWIK_INVALID_MESSAGE');
  });
});

function entries(count: number): Map<string, string> {
  return new Map(Array.from({ length: count }, (_, index) => [`k${index}`, 'v']));
}

function announcement(): typeof KCP_SAMPLES.serverAnnouncement {
  return { ...KCP_SAMPLES.serverAnnouncement, attributes: new Map() };
}
