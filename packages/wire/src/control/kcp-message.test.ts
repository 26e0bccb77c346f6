import { describe, expect, test } from '@jest/globals';
import { DelimitedReader } from '../codec/delimited-reader.js';
import type { ErrorCode } from '../errors/error-table.js';
import { Capability, PathState } from '../gen/kwik/v1/common.js';
import { ContentGrant, KcpMessage, PathToken, SessionTicket, SignedEnvelope } from '../gen/kwik/v1/control.js';
import { MAX_CONTROL_MESSAGE_BYTES } from '../limits/wire-limits.js';
import { filled, KCP_CASES, KCP_SAMPLES, messageOf, SAMPLE_HEADER } from '../test-support/kcp-samples.js';
import { codeOf, kwikErrorOf, outcomeOf } from '../test-support/outcomes.js';
import { mutate, TestRandom } from '../test-support/random.js';
import { withoutPrefix } from '../test-support/sealing.js';
import { bytesField, fixed32Field, varintField } from '../test-support/wire-fields.js';
import {
  decodeContentGrant,
  decodeKcpMessage,
  decodePathToken,
  decodeSessionTicket,
  decodeSignedEnvelope,
  encodeKcpMessage,
} from './kcp-message.js';

const MUTATIONS = 10_000;

describe.each(KCP_CASES)('control message %s', ($case) => {
  const message = messageOf($case);
  const framed = encodeKcpMessage(message);

  test('is read as it was written', () => {
    const reader = new DelimitedReader({ maxPacketBytes: MAX_CONTROL_MESSAGE_BYTES });
    reader.push(framed);
    const bytes = reader.next()!;
    expect(decodeKcpMessage(bytes)).toEqual(message);
    expect(decodeKcpMessage(bytes)).toEqual(KcpMessage.decode(bytes));
    expect(bytes).toEqual(KcpMessage.encode(message).finish());
  });

  test('with every field at its default is read as it was written, or breaks a rule on both sides', () => {
    const bytes = Uint8Array.from([...bytesField(1, []), ...bytesField(fieldNumberOf(framed), [])]);
    const decoded = KcpMessage.decode(bytes);
    const expected = outcomeOf(() => withoutPrefix(encodeKcpMessage(decoded)));
    const outcome = outcomeOf(() => decodeKcpMessage(bytes));
    expect(outcome).toEqual('code' in expected ? expected : { value: decoded });
  });

  test('cut off anywhere, is refused or, between two fields, a shorter message', () => {
    const bytes = withoutPrefix(framed);
    for (let length = 0; length < bytes.length; length++) {
      const outcome = outcomeOf(() => decodeKcpMessage(bytes.subarray(0, length)));
      if ('code' in outcome) expect(outcome.code).toBe('ERR_KWIK_INVALID_MESSAGE');
      else expect(withoutPrefix(encodeKcpMessage(outcome.value))).toEqual(bytes.subarray(0, length));
    }
  });

  test(`${MUTATIONS} mutations end in a typed error or a valid message`, () => {
    const random = new TestRandom(framed.length);
    const bytes = withoutPrefix(framed);
    const codes = new Set<ErrorCode>();
    for (let round = 0; round < MUTATIONS; round++) {
      const outcome = outcomeOf(() => decodeKcpMessage(mutate(bytes, random)));
      if ('code' in outcome) codes.add(outcome.code);
      else encodeKcpMessage(outcome.value);
    }
    expect([...codes]).toEqual(['ERR_KWIK_INVALID_MESSAGE']);
  });
});

describe('decodeKcpMessage', () => {
  const header = bytesField(1, varintField(1, 7));
  const decode = (...fields: number[][]): KcpMessage => decodeKcpMessage(Uint8Array.from(fields.flat()));

  test('a body of a later version reads as none', () => {
    expect(decode(header, bytesField(99, [1, 2, 3]))).toMatchObject({ header: { id: 7n }, body: undefined });
    expect(decode(header).body).toBeUndefined();
  });

  test('skips fields that it does not know, at every depth', () => {
    const body = [...varintField(1, 5), ...fixed32Field(77, 1), ...bytesField(78, [0xff])];
    expect(decode(header, bytesField(16, body), varintField(99, 1)).body).toEqual({
      $case: 'ping',
      value: { sequence: 5n, padding: new Uint8Array(0) },
    });
  });

  test('refuses a message without header', () => {
    expect(kwikErrorOf(() => decode(bytesField(16, varintField(1, 5)))).message).toMatch(/no header/);
    expect(codeOf(() => decode())).toBe('ERR_KWIK_INVALID_MESSAGE');
  });

  test('enum values of a later version read as UNSPECIFIED', () => {
    const status = [...varintField(1, 2), ...varintField(2, 99)];
    const capabilities = bytesField(3, [2, 99, 3]);
    const error = bytesField(3, varintField(2, 99));
    const unspecified = PathState.UNSPECIFIED;
    expect(decode(bytesField(1, varintField(4, 99))).header?.priority).toBe(0);
    expect(decode(header, bytesField(24, status)).body?.value).toMatchObject({ pathId: 2, state: unspecified });
    expect(decode(header, bytesField(27, bytesField(1, status))).body?.value).toMatchObject({
      paths: [{ state: unspecified }],
    });
    expect(decode(header, bytesField(51, capabilities)).body?.value).toMatchObject({
      capabilities: [Capability.REPLICA, Capability.UNSPECIFIED, Capability.RELAY],
    });
    expect(decode(header, bytesField(46, error)).body?.value).toMatchObject({ error: { scope: 0 } });
    // Not so on this side: a value that is not in the table is a mistake here.
    const mine = messageOf('pathStatus', { ...KCP_SAMPLES.pathStatus, state: 99 });
    expect(kwikErrorOf(() => encodeKcpMessage(mine)).message).toMatch(/pathStatus\.state has no value 99/);
  });

  test('a map does not reach the prototype of anything', () => {
    const { metadata } = KCP_SAMPLES.streamOpened;
    const decoded = decodeKcpMessage(withoutPrefix(encodeKcpMessage(messageOf('streamOpened'))));
    expect(decoded.body?.value).toMatchObject({ metadata });
    expect(({} as Record<string, unknown>)['polluted?']).toBeUndefined();
  });

  test('bytes are views of what was decoded', () => {
    const bytes = withoutPrefix(encodeKcpMessage(messageOf('rawPacket')));
    const { body } = decodeKcpMessage(bytes);
    expect(body?.$case === 'rawPacket' && body.value.data.buffer).toBe(bytes.buffer);
  });

  test.each<[string, number[][], RegExp]>([
    ['text that is not UTF-8', [header, bytesField(15, bytesField(2, [0xc3, 0x28]))], /not UTF-8/],
    ['a key of a map that is not UTF-8', [header, bytesField(30, bytesField(4, bytesField(1, [0xff])))], /not UTF-8/],
    ['a body longer than the message', [header, [0x82, 0x01, 0x7f, 0x08]], /beyond its message/],
    ['a list that overruns its body', [header, bytesField(43, [0x12, 0x05, 1])], /beyond its message/],
    ['a packed list that is cut off', [header, bytesField(43, bytesField(2, [0x80]))], /cut off/],
    ['a group', [header, [0x83, 0x01, 0x84, 0x01]], /wire type 3/],
    ['groups in groups', [header, Array<number>(30_000).fill(0x0b)], /wire type 3/],
    ['a tag of 0', [header, [0x00]], /no valid number/],
    ['too many request ids', [header, bytesField(43, bytesField(2, Array<number>(1_025).fill(1)))], /more than 1024/],
    ['too many request ids, one by one', [header, bytesField(43, repeat(1_025, varintField(2, 1)))], /more than 1024/],
    ['too many paths', [header, bytesField(27, repeat(1_025, bytesField(1, [])))], /more than 1024/],
    ['too many entries of a map', [header, bytesField(30, repeat(33, bytesField(4, [])))], /more than 32/],
    ['too many mechanisms', [header, bytesField(10, repeat(17, bytesField(5, [])))], /more than 16/],
  ])('refuses %s', (_, fields, says) => {
    const error = kwikErrorOf(() => decode(...fields));
    expect([error.code, error.scope]).toEqual(['ERR_KWIK_INVALID_MESSAGE', 'peer']);
    expect(error.message).toMatch(says);
  });

  test('refuses a message above the bound without reading it', () => {
    expect(codeOf(() => decodeKcpMessage(new Uint8Array(MAX_CONTROL_MESSAGE_BYTES + 1)))).toBe(
      'ERR_KWIK_PACKET_TOO_LARGE',
    );
  });

  test('what an attack announces is not allocated', () => {
    const attacks = [
      [...header, 0x82, 0x01, 0xff, 0xff, 0xff, 0xff, 0x07],
      [...header, ...bytesField(31, [0x12, 0xff, 0xff, 0xff, 0xff, 0x07])],
      [...header, ...bytesField(27, repeat(20_000, bytesField(1, [])))],
    ].map((fields) => Uint8Array.from(fields));
    const before = process.memoryUsage();
    for (const attack of attacks) {
      for (let round = 0; round < 200; round++) codeOf(() => decodeKcpMessage(attack));
    }
    const after = process.memoryUsage();
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(4_000_000);
  });
});

describe('encodeKcpMessage', () => {
  test('refuses a message above the bound', () => {
    const metadata = new Map([['key', 'x'.repeat(1_000)]]);
    const servers = Array.from({ length: 100 }, () => ({ ...KCP_SAMPLES.serverAnnouncement, attributes: metadata }));
    const error = kwikErrorOf(() => encodeKcpMessage(messageOf('serverList', { servers })));
    expect([error.code, error.scope]).toEqual(['ERR_KWIK_PACKET_TOO_LARGE', 'local']);
  });

  test('takes a message of exactly the bound', () => {
    const sizeWith = (envelopeBytes: number, bulkBytes: number): number => {
      const join = { ...KCP_SAMPLES.clientHello.join!, token: filled(envelopeBytes) };
      const hello = { ...KCP_SAMPLES.clientHello, join, authInitial: filled(bulkBytes) };
      return withoutPrefix(encodeKcpMessage(messageOf('clientHello', hello))).length;
    };
    expect(sizeWith(16_384, 16_384)).toBeLessThanOrEqual(MAX_CONTROL_MESSAGE_BYTES);
    const raw = (length: number): Uint8Array =>
      encodeKcpMessage(messageOf('rawPacket', { ...KCP_SAMPLES.rawPacket, data: filled(length) }));
    expect(withoutPrefix(raw(61_440)).length).toBeLessThanOrEqual(MAX_CONTROL_MESSAGE_BYTES);
    expect(codeOf(() => raw(61_441))).toBe('ERR_KWIK_INVALID_MESSAGE');
  });

  test('does not change the message', () => {
    const message = messageOf('serverHello');
    const copy = structuredClone(message);
    encodeKcpMessage(message);
    expect(message).toEqual(copy);
  });

  test('needs a header', () => {
    const error = kwikErrorOf(() => encodeKcpMessage({ header: undefined, body: undefined }));
    expect([error.code, error.scope]).toEqual(['ERR_KWIK_INVALID_MESSAGE', 'local']);
    expect(() => encodeKcpMessage({ header: SAMPLE_HEADER, body: undefined })).not.toThrow();
  });
});

const token: PathToken = {
  sessionId: filled(16),
  server: '127.0.0.1:4434',
  notBeforeMs: 1n,
  expiresMs: 2n,
  capabilities: [Capability.REPLICA],
  pathId: 1,
  tokenId: filled(16),
  possessionKey: filled(32),
  relay: { anchors: ['127.0.0.1:4433', 'a.example:4433'], bytes: 1n, bytesPerSecond: 2n, durationMs: 3n },
};
const grant: ContentGrant = { sessionId: filled(16), streamId: 4n, key: 'films/one.mkv', size: 9n, expiresMs: 2n };
const ticket: SessionTicket = {
  sessionId: filled(16),
  sessionSecret: filled(32),
  ticketId: filled(16),
  expiresMs: 2n,
  identity: 'laptop',
  grantKeys: [filled(32)],
  primary: 'one.example:4433',
  takeovers: 2,
};
const envelope: SignedEnvelope = {
  payload: filled(60),
  signature: filled(64),
  signer: filled(32),
  chain: [filled(300), filled(200)],
  delegation: filled(70),
};

describe.each<[string, (bytes: Uint8Array) => object, object, Uint8Array, Uint8Array]>([
  [
    'path token',
    decodePathToken,
    token,
    PathToken.encode(token).finish(),
    PathToken.encode({ ...token, tokenId: filled(15) }).finish(),
  ],
  [
    'content grant',
    decodeContentGrant,
    grant,
    ContentGrant.encode(grant).finish(),
    ContentGrant.encode({ ...grant, size: 1n << 62n }).finish(),
  ],
  [
    'session ticket',
    decodeSessionTicket,
    ticket,
    SessionTicket.encode(ticket).finish(),
    SessionTicket.encode({ ...ticket, grantKeys: Array.from({ length: 5 }, () => filled(32)) }).finish(),
  ],
  [
    'signed envelope',
    decodeSignedEnvelope,
    envelope,
    SignedEnvelope.encode(envelope).finish(),
    SignedEnvelope.encode({ ...envelope, chain: Array.from({ length: 9 }, () => filled(1)) }).finish(),
  ],
])('%s', (name, decode, message, bytes, broken) => {
  test('is read as it was written', () => expect(decode(bytes)).toEqual(message));

  test('that breaks a rule is refused', () => expect(codeOf(() => decode(broken))).toBe('ERR_KWIK_INVALID_MESSAGE'));

  test('cut off anywhere, never throws anything untyped', () => {
    for (let length = 0; length < bytes.length; length++) {
      const outcome = outcomeOf(() => decode(bytes.subarray(0, length)));
      if ('code' in outcome) expect(outcome.code).toBe('ERR_KWIK_INVALID_MESSAGE');
    }
  });

  test(`${MUTATIONS} mutations end in a typed error or a valid message`, () => {
    const random = new TestRandom(name.length);
    const codes = new Set<ErrorCode>();
    for (let round = 0; round < MUTATIONS; round++) {
      const outcome = outcomeOf(() => decode(mutate(bytes, random)));
      if ('code' in outcome) codes.add(outcome.code);
    }
    expect([...codes]).toEqual(['ERR_KWIK_INVALID_MESSAGE']);
  });
});

/** Number of the body's field: behind the header, whose length is one byte. */
function fieldNumberOf(framed: Uint8Array): number {
  const bytes = withoutPrefix(framed);
  const at = 2 + bytes[1]!;
  return ((bytes[at]! & 0x7f) + (bytes[at]! >= 0x80 ? bytes[at + 1]! * 0x80 : 0)) >>> 3;
}

function repeat(times: number, bytes: number[]): number[] {
  return Array.from({ length: times }, () => bytes).flat();
}
