import { describe, expect, test } from '@jest/globals';
import {
  DelimitedReader,
  type KwikError,
  decodeKcpMessage,
  encodeDelimited,
  encodeKcpMessage,
  proto,
} from '@kwik/wire';
import fc from 'fast-check';
import { ChannelPair, takeEvents } from '../test-support/pair.js';
import { makeSessionKeys } from '../test-support/sessions.js';
import { ControlChannel, MAX_STRANGER_MESSAGES, MAX_STRANGER_MESSAGE_BYTES } from './control-channel.js';
import { IncomingDeadlines } from './incoming-deadlines.js';
import type { KcpBody } from './kcp-body.js';

const { CRITICAL, HIGH, NORMAL, LOW, BACKGROUND } = proto.Priority;
const SESSION = makeSessionKeys().sessionId;

const ping = (sequence: number): KcpBody => ({
  $case: 'ping',
  value: { sequence: BigInt(sequence), padding: new Uint8Array(0) },
});
const pong = (sequence: number): KcpBody => ({ $case: 'pong', value: { sequence: BigInt(sequence), clockMs: 0n } });
const listPaths: KcpBody = { $case: 'listPaths', value: { includeDead: true } };
const pathList: KcpBody = { $case: 'pathList', value: { paths: [] } };
const RAW = { pathId: 1, sequence: 0n };
const failed: KcpBody = { $case: 'error', value: proto.ErrorDetail.fromPartial({ code: 1, reason: 'no' }) };

function message(header: Partial<proto.MessageHeader>, body: KcpBody | undefined = ping(1)): Uint8Array {
  return encodeKcpMessage({ header: proto.MessageHeader.fromPartial(header), body });
}

function refusal(run: () => void): KwikError | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return error as KwikError;
  }
}

/** The numbers of the pings that a channel has to send, in order. */
function drain(channel: ControlChannel, now = 0): number[] {
  const numbers: number[] = [];
  for (let bytes = channel.pollTransmit(now); bytes !== undefined; bytes = channel.pollTransmit(now)) {
    const reader = new DelimitedReader();
    reader.push(bytes);
    const { body } = decodeKcpMessage(reader.next() as Uint8Array);
    if (body?.$case === 'ping') numbers.push(Number(body.value.sequence));
    expect(reader.next()).toBeUndefined();
  }
  return numbers;
}

describe('notices', () => {
  test('arrive with their header', () => {
    const pair = new ChannelPair({ client: { sessionId: SESSION, wallClockMs: () => 1_800_000_000_000.7 } });
    pair.client.send(ping(7), pair.now, { priority: HIGH, ttlMs: 900 });
    pair.flush();
    expect(takeEvents(pair.server)).toEqual([
      {
        kind: 'message',
        id: 1n,
        body: ping(7),
        header: {
          id: 1n,
          inReplyTo: 0n,
          sessionId: new Uint8Array(Buffer.from(SESSION, 'hex')),
          priority: HIGH,
          ttlMs: 900,
          timeMs: 1_800_000_000_000n,
        },
      },
    ]);
  });

  test('leave by priority, and their ids count up on the wire all the same', () => {
    const pair = new ChannelPair();
    for (const [sequence, priority] of [BACKGROUND, LOW, NORMAL, HIGH, CRITICAL].entries()) {
      pair.client.send(ping(sequence), pair.now, { priority });
    }
    pair.flush();
    const events = takeEvents(pair.server);
    expect(events.map((event) => event.kind === 'message' && [event.id, event.body])).toEqual(
      [4, 3, 2, 1, 0].map((sequence, index) => [BigInt(index + 1), ping(sequence)]),
    );
  });

  test('what the caller does to a body after handing it over changes nothing', () => {
    const channel = new ControlChannel();
    const value = { sequence: 1n, padding: new Uint8Array(0) };
    channel.send({ $case: 'ping', value }, 0);
    value.sequence = 2n;
    expect(drain(channel)).toEqual([1]);
  });

  test('past their time they are dropped and counted, and take no id', () => {
    const channel = new ControlChannel();
    channel.send(ping(1), 0, { ttlMs: 10 });
    channel.send(ping(2), 0, { ttlMs: 11 });
    channel.send(ping(3), 0);
    expect(drain(channel, 10)).toEqual([2, 3]);
    expect(channel.counters).toMatchObject({ expired: 1, sent: 2 });
    expect(channel.queuedBytes).toBe(0);
  });

  test('a full queue refuses, after dropping what is past its time', () => {
    const channel = new ControlChannel({ maxQueuedBytes: 300 });
    let accepted = 0;
    const error = refusal(() => {
      for (; accepted < 100; accepted++) channel.send(ping(accepted), 0, { ttlMs: 50 });
    });
    expect(error?.code).toBe('ERR_KWIK_LIMIT_EXCEEDED');
    expect(channel.queuedBytes).toBeLessThanOrEqual(300);
    expect(channel.queuedBytes).toBeGreaterThan(200);
    channel.send(ping(100), 50);
    expect(channel.counters.expired).toBe(accepted);
    expect(drain(channel, 50)).toEqual([100]);
    expect(channel.queuedBytes).toBe(0);
  });

  test('the queue follows the simple rule: most urgent first, else in order', () => {
    const sends = fc.array(fc.constantFrom(CRITICAL, HIGH, NORMAL, LOW, BACKGROUND), { maxLength: 16 });
    fc.assert(
      fc.property(sends, (priorities) => {
        const channel = new ControlChannel();
        for (const [sequence, priority] of priorities.entries()) channel.send(ping(sequence), 0, { priority });
        const expected = [...priorities.entries()]
          .sort(([a, p], [b, q]) => p - q || a - b)
          .map(([sequence]) => sequence);
        expect(drain(channel)).toEqual(expected);
      }),
    );
  });

  test('no larger than the peer takes, and only what the protocol allows', () => {
    const channel = new ControlChannel();
    const raw = (bytes: number): KcpBody => ({
      $case: 'rawPacket',
      value: { pathId: 1, data: new Uint8Array(bytes), sequence: 1n },
    });
    channel.send(raw(20_000), 0);
    channel.setPeerMaxMessageBytes(20_000);
    expect(refusal(() => channel.send(raw(20_000), 0))?.code).toBe('ERR_KWIK_PACKET_TOO_LARGE');
    expect(
      refusal(() => channel.send({ $case: 'ping', value: { sequence: -1n, padding: new Uint8Array(0) } }, 0))?.code,
    ).toBe('ERR_KWIK_INVALID_MESSAGE');
    expect(refusal(() => channel.send(ping(1), 0, { ttlMs: 1.5 }))?.code).toBe('ERR_KWIK_INVALID_ARGUMENT');
    expect(channel.counters.sent).toBe(0);
  });
});

describe('requests', () => {
  test('are answered by the response that names them', () => {
    const pair = new ChannelPair();
    pair.client.send(ping(1), pair.now);
    const requestId = pair.client.request(listPaths, pair.now, { timeoutMs: 100 });
    pair.flush();
    const request = takeEvents(pair.server)[1];
    if (request?.kind !== 'message') throw new TypeError('the request must come');
    pair.now = 30;
    pair.server.reply(request.id, pathList, pair.now);
    pair.flush();
    expect(takeEvents(pair.client)).toEqual([{ kind: 'response', requestId, body: pathList, elapsedMs: 30 }]);
    expect(pair.client.nextTimeoutMs()).toBeUndefined();
    expect(pair.client.pendingRequests).toBe(0);
  });

  test('an error is an answer, too', () => {
    const pair = new ChannelPair();
    const requestId = pair.client.request(listPaths, pair.now, { timeoutMs: 100 });
    pair.flush();
    pair.server.reply(1n, failed, pair.now);
    pair.flush();
    expect(takeEvents(pair.client)).toEqual([{ kind: 'response', requestId, body: failed, elapsedMs: 0 }]);
  });

  test('time out at their deadline, once, the earliest first', () => {
    const pair = new ChannelPair();
    const slow = pair.client.request(listPaths, pair.now, { timeoutMs: 200 });
    const fast = pair.client.request(ping(1), pair.now, { timeoutMs: 100 });
    pair.flush();
    expect(pair.client.nextTimeoutMs()).toBe(100);
    pair.advance(99);
    expect(takeEvents(pair.client)).toEqual([]);
    pair.advance(1);
    expect(takeEvents(pair.client)).toEqual([{ kind: 'timeout', requestId: fast, request: 'ping' }]);
    expect(pair.client.nextTimeoutMs()).toBe(200);
    pair.advance(500);
    expect(takeEvents(pair.client)).toEqual([{ kind: 'timeout', requestId: slow, request: 'listPaths' }]);
    expect(pair.client.counters.timedOut).toBe(2);
  });

  test('late and repeated answers are ignored and counted', () => {
    const pair = new ChannelPair();
    pair.client.request(listPaths, pair.now, { timeoutMs: 100 });
    pair.flush();
    for (let times = 0; times < 2; times++) pair.server.reply(1n, pathList, pair.now);
    const answers = [pair.server.pollTransmit(pair.now), pair.server.pollTransmit(pair.now)];
    // They are on the way for longer than anybody waits.
    pair.advance(100);
    takeEvents(pair.client);
    for (const bytes of answers) pair.client.handleData(bytes as Uint8Array, pair.now);
    expect(takeEvents(pair.client)).toEqual([]);
    expect(pair.client.counters.lateResponses).toBe(2);
  });

  test('one that could not leave before its deadline does not leave after it', () => {
    const channel = new ControlChannel();
    channel.request(ping(1), 0, { timeoutMs: 10 });
    channel.handleTimeout(10);
    expect(drain(channel, 10)).toEqual([]);
    expect(takeEvents(channel)).toHaveLength(1);
  });

  test('no more than the bound wait', () => {
    const channel = new ControlChannel({ maxPendingRequests: 2 });
    channel.request(ping(1), 0, { timeoutMs: 10 });
    channel.request(ping(2), 0, { timeoutMs: 10 });
    const error = refusal(() => channel.request(ping(3), 0, { timeoutMs: 10 }));
    expect(error?.code).toBe('ERR_KWIK_LIMIT_EXCEEDED');
    channel.handleTimeout(10);
    channel.request(ping(3), 10, { timeoutMs: 10 });
  });

  test('an answer of the wrong kind is a violation, and the request still runs into its deadline', () => {
    const pair = new ChannelPair();
    pair.client.request(listPaths, pair.now, { timeoutMs: 100 });
    pair.flush();
    pair.server.reply(1n, pong(1), pair.now);
    expect(refusal(() => pair.flush())?.code).toBe('ERR_KWIK_PROTOCOL_VIOLATION');
    pair.advance(100);
    expect(takeEvents(pair.client)).toMatchObject([{ kind: 'timeout' }]);
  });

  test('one cannot answer what never came', () => {
    const channel = new ControlChannel();
    expect(refusal(() => channel.reply(1n, pong(1), 0))?.code).toBe('ERR_KWIK_INVALID_ARGUMENT');
  });

  test('deadlines in any order end as a list sorted by deadline would', () => {
    const request = fc.record({ timeoutMs: fc.integer({ min: 1, max: 50 }), answered: fc.boolean() });
    fc.assert(
      fc.property(fc.array(request, { maxLength: 40 }), (requests) => {
        const pair = new ChannelPair();
        const ids = requests.map(({ timeoutMs }) => pair.client.request(ping(0), 0, { timeoutMs }));
        pair.flush();
        for (const [index, { answered }] of requests.entries()) {
          if (answered) pair.server.reply(BigInt(index + 1), pong(0), 0);
        }
        pair.flush();
        expect(takeEvents(pair.client)).toHaveLength(requests.filter(({ answered }) => answered).length);
        const expected = requests
          .map(({ timeoutMs, answered }, index) => ({ timeoutMs, answered, requestId: ids[index] }))
          .filter(({ answered }) => !answered)
          .sort((a, b) => a.timeoutMs - b.timeoutMs);
        for (const { timeoutMs, requestId } of expected) {
          expect(pair.client.nextTimeoutMs()).toBe(timeoutMs);
          pair.client.handleTimeout(timeoutMs);
          const overdue = takeEvents(pair.client).map((event) => event.kind === 'timeout' && event.requestId);
          expect(overdue[0]).toBe(requestId);
          // Those of the same deadline come together: take them off the list.
          expected.splice(expected.findIndex((one) => one.requestId === requestId) + 1, overdue.length - 1);
        }
        expect(pair.client.nextTimeoutMs()).toBeUndefined();
      }),
    );
  });
});

describe('answers to requests that wait no longer', () => {
  test('are not queued, and counted', () => {
    const pair = new ChannelPair();
    pair.client.request(listPaths, pair.now, { timeoutMs: 100 });
    pair.flush();
    const [request] = takeEvents(pair.server);
    pair.advance(100);
    pair.server.reply((request as { id: bigint }).id, pathList, pair.now);
    expect(pair.server.queuedBytes).toBe(0);
    expect(pair.server.counters).toMatchObject({ sent: 0, expired: 1 });
  });

  test('that wait in the queue too long are not sent', () => {
    const pair = new ChannelPair();
    pair.client.request(listPaths, pair.now, { timeoutMs: 100 });
    pair.flush();
    const [request] = takeEvents(pair.server);
    pair.advance(60);
    pair.server.reply((request as { id: bigint }).id, pathList, pair.now);
    pair.advance(40);
    expect(pair.server.pollTransmit(pair.now)).toBeUndefined();
    expect(pair.server.counters).toMatchObject({ sent: 0, expired: 1 });
  });

  test('are those of the request alone: others, and notices, are answered whenever', () => {
    const pair = new ChannelPair();
    pair.client.send(ping(1), pair.now);
    pair.client.request(listPaths, pair.now, { timeoutMs: 100 });
    pair.flush();
    const [notice, request] = takeEvents(pair.server) as { id: bigint }[];
    pair.advance(99);
    pair.server.reply(request!.id, pathList, pair.now, { ttlMs: 50 });
    pair.flush();
    expect(takeEvents(pair.client)).toMatchObject([{ kind: 'response', body: pathList }]);
    pair.advance(1e6);
    pair.server.reply(notice!.id, pong(1), pair.now);
    expect(pair.server.pollTransmit(pair.now)).toBeDefined();
  });

  test('are not looked for among more requests than are remembered', () => {
    const deadlines = new IncomingDeadlines();
    for (let id = 1n; id <= 2_000n; id++) deadlines.add(id, 10, 0);
    expect(deadlines.take(1n, 50)).toBe(Infinity);
    expect(deadlines.take(2_000n, 50)).toBe(-40);
    expect(deadlines.take(2_000n, 50)).toBe(Infinity);
  });
});

describe('what comes from the peer', () => {
  const violations: [string, Uint8Array[], string][] = [
    ['ids that stand still', [message({ id: 1n }), message({ id: 1n })], 'ERR_KWIK_PROTOCOL_VIOLATION'],
    ['ids that go back', [message({ id: 5n }), message({ id: 4n })], 'ERR_KWIK_PROTOCOL_VIOLATION'],
    ['id 0', [message({ id: 0n })], 'ERR_KWIK_PROTOCOL_VIOLATION'],
    ['an answer to nothing', [message({ id: 1n, inReplyTo: 1n }, pong(1))], 'ERR_KWIK_PROTOCOL_VIOLATION'],
    ['another session', [message({ id: 1n, sessionId: new Uint8Array(16) })], 'ERR_KWIK_PROTOCOL_VIOLATION'],
    ['no header', [encodeDelimited(new Uint8Array(0))], 'ERR_KWIK_INVALID_MESSAGE'],
    ['what is no message', [encodeDelimited(new Uint8Array([0xff, 0xff]))], 'ERR_KWIK_INVALID_MESSAGE'],
    ['a message that is too long', [new Uint8Array([0xff, 0xff, 0xff, 0x7f])], 'ERR_KWIK_PACKET_TOO_LARGE'],
  ];

  test.each(violations)('%s is a violation, for good', (_what, chunks, code) => {
    const channel = new ControlChannel({ sessionId: SESSION });
    const run = () => {
      for (const chunk of chunks) channel.handleData(chunk, 0);
    };
    expect(refusal(run)?.code).toBe(code);
    expect(takeEvents(channel)).toHaveLength(chunks.length - 1);
    expect(refusal(() => channel.handleData(message({ id: 100n }), 0))?.code).toBe(code);
    expect(takeEvents(channel)).toEqual([]);
  });

  test('gaps in ids, an empty session id and a session id before we know ours are fine', () => {
    const channel = new ControlChannel();
    channel.handleData(message({ id: 1n, sessionId: new Uint8Array(16) }), 0);
    channel.setSessionId(SESSION);
    channel.handleData(message({ id: 7n }), 0);
    expect(takeEvents(channel)).toHaveLength(2);
  });

  test('bodies of newer versions are ignored and counted', () => {
    const channel = new ControlChannel();
    const header = proto.KcpMessage.encode({ header: proto.MessageHeader.fromPartial({ id: 1n }), body: undefined });
    // Field 99, length-delimited, three bytes.
    const unknown = Buffer.concat([header.finish(), Buffer.from([0x9a, 0x06, 0x03, 1, 2, 3])]);
    channel.handleData(encodeDelimited(unknown), 0);
    channel.handleData(message({ id: 2n }), 0);
    expect(takeEvents(channel)).toMatchObject([{ kind: 'message', id: 2n }]);
    expect(channel.counters).toMatchObject({ unknownBodies: 1, received: 2 });
  });

  test('unknown fields, in header and body, do no harm', () => {
    const unknownField = [0xf8, 0x07, 0x2a];
    const header = Buffer.from([0x0a, 2 + unknownField.length, 0x08, 1, ...unknownField]);
    const body = Buffer.from([0x82, 0x01, 2 + unknownField.length, 0x08, 9, ...unknownField]);
    const channel = new ControlChannel();
    channel.handleData(encodeDelimited(Buffer.concat([header, body, Buffer.from(unknownField)])), 0);
    expect(takeEvents(channel)).toMatchObject([{ kind: 'message', id: 1n, body: ping(9) }]);
  });

  test('a stranger may send little, and few messages, until there is a session', () => {
    const large = ping(1);
    const stranger = () => new ControlChannel({ stranger: true });
    const tooLong = encodeDelimited(new Uint8Array(MAX_STRANGER_MESSAGE_BYTES + 1));
    // The length alone is enough: nothing is kept for it.
    expect(refusal(() => stranger().handleData(tooLong.slice(0, 3), 0))?.code).toBe('ERR_KWIK_PACKET_TOO_LARGE');
    const many = stranger();
    const send = (channel: ControlChannel, from: number, to: number): void => {
      for (let id = from; id <= to; id++) channel.handleData(message({ id: BigInt(id) }, large), 0);
    };
    send(many, 1, MAX_STRANGER_MESSAGES);
    expect(refusal(() => send(many, MAX_STRANGER_MESSAGES + 1, MAX_STRANGER_MESSAGES + 1))?.code).toBe(
      'ERR_KWIK_LIMIT_EXCEEDED',
    );
    // Unknown bodies count as well.
    const unknown = stranger();
    const header = (id: number) => proto.MessageHeader.fromPartial({ id: BigInt(id) });
    const sendUnknown = (id: number): void =>
      unknown.handleData(encodeDelimited(proto.KcpMessage.encode({ header: header(id), body: undefined }).finish()), 0);
    for (let id = 1; id <= MAX_STRANGER_MESSAGES; id++) sendUnknown(id);
    expect(refusal(() => sendUnknown(MAX_STRANGER_MESSAGES + 1))?.code).toBe('ERR_KWIK_LIMIT_EXCEEDED');

    const known = stranger();
    known.setSessionId(SESSION);
    send(known, 1, 2 * MAX_STRANGER_MESSAGES);
    known.handleData(
      message({ id: 1000n }, { $case: 'rawPacket', value: { ...RAW, data: new Uint8Array(60_000) } }),
      0,
    );
    expect(takeEvents(known)).toHaveLength(2 * MAX_STRANGER_MESSAGES + 1);
  });

  test('tiny messages without end, in one go, are refused before they pile up', () => {
    const channel = new ControlChannel();
    const chunks = Array.from({ length: 20_000 }, (_, index) => message({ id: BigInt(index + 1) }));
    expect(refusal(() => channel.handleData(Buffer.concat(chunks), 0))?.code).toBe('ERR_KWIK_LIMIT_EXCEEDED');
    expect(takeEvents(channel).length).toBeLessThan(10_000);
  });

  test('however the bytes are cut, the events are the same', () => {
    const bodies = fc.array(fc.constantFrom(ping(1), ping(300), listPaths, pathList, failed), { maxLength: 20 });
    const bad = fc.option(fc.constantFrom(...violations.map(([, chunks]) => Buffer.concat(chunks))), {
      nil: undefined,
    });
    fc.assert(
      fc.property(bodies, bad, fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }), (sent, last, cuts) => {
        const messages = sent.map((body, index) => message({ id: BigInt(index + 1) }, body));
        const bytes = Buffer.concat([...messages, ...(last === undefined ? [] : [last])]);
        expect(feed(bytes, cuts)).toEqual(feed(bytes, [Math.max(1, bytes.length)]));
      }),
    );
  });

  /** All events of `bytes`, given in chunks of the sizes `cuts`, and the code of the violation. */
  function feed(bytes: Uint8Array, cuts: readonly number[]) {
    const channel = new ControlChannel({ sessionId: SESSION });
    const events = [];
    let position = 0;
    for (let index = 0; position < bytes.length; index++) {
      const chunk = new Uint8Array(bytes.subarray(position, (position += cuts[index % cuts.length] as number)));
      const error = refusal(() => channel.handleData(chunk, 0));
      events.push(...takeEvents(channel));
      if (error !== undefined) return { events: plain(events), code: error.code };
    }
    return { events: plain(events), code: undefined };
  }

  /** Buffers and Uint8Arrays of the same bytes are the same here. */
  function plain(events: unknown[]): string {
    return JSON.stringify(events, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
  }
});
