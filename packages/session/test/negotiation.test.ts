import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Endpoint } from '@kwik/quic';
import type { Listener } from '@kwik/session';
import {
  DelimitedReader,
  encodeDelimited,
  decodeKcpMessage,
  errorCodeFromNumber,
  proto,
  type TransportStream,
} from '@kwik/wire';
import { pause } from '@kwik/testbed';
import { developmentAuthority } from '../src/credentials/dev-authority.js';
import { HandmadePrimary } from './handmade-primary.js';
import { addressOf, Harness } from './harness.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(async () => {
  await harness.close();
});

/** Field 500 with five bytes: no version has it yet. */
const UNKNOWN_FIELD = Buffer.from([0xa2, 0x1f, 5, 1, 2, 3, 4, 5]);
const CLIENT_HELLO_FIELD = 10;
const UNKNOWN_BODY_FIELD = 600;

/** A client whose messages are written by hand, as one of a later version would write them. */
class FutureClient {
  readonly #stream: TransportStream;
  readonly #channelBinding: Uint8Array;
  readonly #reader = new DelimitedReader();
  readonly #heard: proto.KcpMessage[] = [];
  #wake: (() => void) | undefined;
  #sent = 0n;

  private constructor(stream: TransportStream, channelBinding: Uint8Array) {
    this.#stream = stream;
    this.#channelBinding = channelBinding;
    stream.attach({
      onData: (chunk) => this.#hear(chunk),
      onEnd: () => undefined,
      onReset: () => undefined,
      onStopSending: () => undefined,
      onWritable: () => undefined,
    });
  }

  static async dial(listener: Listener): Promise<FutureClient> {
    const endpoint = await Endpoint.bind({ host: '127.0.0.1', port: 0 });
    harness.onClose(() => endpoint.close());
    const { address: host, port } = listener.address();
    const transport = await endpoint.dial({
      host,
      port,
      serverName: host,
      trust: { ca: (await developmentAuthority()).certPem },
      timeoutMs: 10_000,
    });
    transport.attach({ onStream: () => undefined, onSendable: () => undefined, onClose: () => undefined });
    return new FutureClient(transport.openStream({ unidirectional: false })!, transport.channelBinding);
  }

  /** A message with this body in this field; header, body and message all have a field that nobody knows. */
  say(field: number, body: Uint8Array): bigint {
    const id = ++this.#sent;
    const header = proto.MessageHeader.encode({
      ...proto.MessageHeader.fromPartial({ id }),
      priority: 200 as proto.Priority,
    }).finish();
    const whole = [
      lengthDelimited(1, Buffer.concat([header, UNKNOWN_FIELD])),
      lengthDelimited(field, Buffer.concat([body, UNKNOWN_FIELD])),
      UNKNOWN_FIELD,
    ];
    this.#stream.write(encodeDelimited(Buffer.concat(whole)));
    return id;
  }

  hello(versions: number[]): void {
    const hello = proto.ClientHello.encode({
      ...proto.ClientHello.fromPartial({ versions, authMechanisms: ['x-telepathy', 'none'], agent: 'future/9' }),
      clientNonce: new Uint8Array(32).fill(1),
      channelBinding: this.#channelBinding,
      capabilities: [proto.Capability.RAW, 77 as proto.Capability, 1000 as proto.Capability],
    }).finish();
    this.say(CLIENT_HELLO_FIELD, hello);
  }

  async hear(): Promise<proto.KcpMessage> {
    while (this.#heard.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.#heard.shift()!;
  }

  #hear(chunk: Uint8Array): void {
    this.#reader.push(chunk);
    for (let one = this.#reader.next(); one !== undefined; one = this.#reader.next()) {
      this.#heard.push(decodeKcpMessage(one));
    }
    this.#wake?.();
  }
}

function lengthDelimited(field: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([varint(field * 8 + 2), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push(rest % 0x80 | 0x80);
  return Buffer.from([...bytes, rest]);
}

describe('a client of a later version', () => {
  test('agrees on what both know; what this one does not know does no harm', async () => {
    const listener = await harness.listen();
    const client = await FutureClient.dial(listener);
    client.hello([99, 2, 1]);
    // It prefers a mechanism that nobody here knows, and must be asked for the first message of the other.
    expect((await client.hear()).body).toMatchObject({ $case: 'authChallenge', value: { mechanism: 'none' } });
    const response = proto.AuthResponse.encode({ mechanism: 'none', data: new Uint8Array(0) }).finish();
    client.say(13, response);
    expect((await client.hear()).body).toMatchObject({ $case: 'serverHello', value: { version: 1 } });
    const session = await listener.accept();

    client.say(UNKNOWN_BODY_FIELD, Buffer.from('from the future'));
    const request = client.say(52, proto.ServerQuery.encode({ capabilities: [], region: '', limit: 1 }).finish());
    const answer = await client.hear();
    expect(answer.header?.inReplyTo).toBe(request);
    expect(answer.body).toMatchObject({ $case: 'error' });
    client.say(16, proto.Ping.encode({ sequence: 7n, padding: new Uint8Array(0) }).finish());
    expect((await client.hear()).body).toMatchObject({ $case: 'pong', value: { sequence: 7n } });
    expect(session.getActivePaths()).toHaveLength(1);
  });

  test('that speaks no version of ours is told the versions of both', async () => {
    const listener = await harness.listen();
    const client = await FutureClient.dial(listener);
    client.hello([99, 98]);
    const { body } = await client.hear();
    if (body?.$case !== 'error') throw new TypeError(`answered by ${body?.$case}`);
    expect(errorCodeFromNumber(body.value.code)).toBe('ERR_KWIK_VERSION_MISMATCH');
    expect(body.value.reason).toBe('no protocol version in common: the client speaks 99, 98, the server 1');
  });
});

describe('what a client cannot do', () => {
  test.each([
    [{ $case: 'serverQuery', value: { capabilities: [], region: '', limit: 1 } }],
    [{ $case: 'scaleRequest', value: { pathsDelta: 1, reason: 'more' } }],
  ] as const)('it says at once: %j', async (body) => {
    const primary = await HandmadePrimary.start();
    harness.onClose(() => primary.close());
    await harness.dial(primary.address);
    const answer = await primary.request(body as never);
    if (answer.$case !== 'error') throw new TypeError(`answered by ${answer.$case}`);
    expect(errorCodeFromNumber(answer.value.code)).toBe('ERR_KWIK_UNSUPPORTED');
  });

  test('a path that is dead is answered by a notice of its death', async () => {
    const [primary, secondary] = [await HandmadePrimary.start(), await harness.listen()];
    harness.onClose(() => primary.close());
    await harness.dial(primary.address);
    await primary.addPath(addressOf(secondary), primary.token(addressOf(secondary)));
    const removal = {
      $case: 'removePath',
      value: { pathId: 1, reason: 'enough', drainMs: 0, retryAfterMs: 0 },
    } as const;
    const beforeMs = Date.now();
    expect(await primary.request(removal)).toMatchObject({ $case: 'removePathResult', value: { removed: true } });
    const afterMs = Date.now();
    while (Date.now() < afterMs + 20) await pause(1); // so that the time of the answer is another
    const answer = await primary.request(removal);
    if (answer.$case !== 'pathDead') throw new TypeError(`answered by ${answer.$case}`);
    expect(answer.value).toMatchObject({ pathId: 1, reason: 'enough' });
    // Whole milliseconds of two clocks, each rounded.
    expect(Number(answer.value.deadSinceMs)).toBeGreaterThanOrEqual(beforeMs - 2);
    expect(Number(answer.value.deadSinceMs)).toBeLessThanOrEqual(afterMs + 2);
  });
});
