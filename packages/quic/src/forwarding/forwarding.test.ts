import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { afterEach, describe, expect, test } from '@jest/globals';
import { until } from '@kwik/testbed';
import { Endpoint } from '../endpoint/endpoint.js';
import type { EndpointOptions } from '../endpoint/options.js';
import type { DatagramSource } from '../socket/datagram-socket.js';
import { TestServer, TransportProbe } from '../test-support/peers.js';
import { Allowance } from './allowance.js';
import type { Flow } from './flow-table.js';

const open: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

const PLENTY = { bytes: 1e12, bytesPerSecond: 1e12 };

async function bind(options: EndpointOptions = {}): Promise<Endpoint> {
  const endpoint = await Endpoint.bind(options);
  open.push(endpoint);
  return endpoint;
}

/** Where datagrams come from, and what came back. */
class Talker implements AsyncDisposable {
  readonly got: Buffer[] = [];

  private constructor(private readonly socket: Socket) {
    socket.on('message', (datagram) => this.got.push(datagram));
  }

  static async bind(): Promise<Talker> {
    const socket = createSocket('udp4');
    await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done));
    const talker = new Talker(socket);
    open.push(talker);
    return talker;
  }

  get source(): DatagramSource {
    return this.socket.address();
  }

  say(datagram: Uint8Array, to: Endpoint): void {
    this.socket.send(datagram, to.address().port, '127.0.0.1');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((done) => this.socket.close(() => done()));
  }
}

function shortPacket(id: Uint8Array, bytes = 100): Buffer {
  return Buffer.concat([Buffer.from([0x41]), id, randomBytes(bytes - 1 - id.length)]);
}

function longPacket(destinationId: Uint8Array, sourceId: Uint8Array, { version = 1, first = 0xe1 } = {}): Buffer {
  const ids = [destinationId, sourceId].flatMap((id) => [Buffer.from([id.length]), Buffer.from(id)]);
  const versionBytes = Buffer.alloc(4);
  versionBytes.writeUInt32BE(version);
  return Buffer.concat([Buffer.from([first]), versionBytes, ...ids, randomBytes(60)]);
}

interface Scene {
  readonly relay: Endpoint;
  readonly client: Talker;
  readonly anchor: Talker;
  readonly clientId: Uint8Array;
  readonly flow: Flow;
}

async function scene(limits = PLENTY, options: EndpointOptions = {}): Promise<Scene> {
  const [relay, client, anchor] = await Promise.all([bind(options), Talker.bind(), Talker.bind()]);
  const clientId = Uint8Array.from(randomBytes(8));
  const allowance = new Allowance(limits, 0);
  const flow = relay.forward({ clientId, client: { remote: client.source }, anchor: anchor.source, allowance });
  return { relay, client, anchor, clientId, flow };
}

/** The anchor answers with a long header, so that its own id is known. */
async function introduce({ relay, client, anchor, clientId }: Scene): Promise<Uint8Array> {
  const anchorId = Uint8Array.from(randomBytes(8));
  const before = client.got.length;
  anchor.say(longPacket(clientId, anchorId), relay);
  await until(() => client.got.length > before);
  return anchorId;
}

describe.each(['dgram', 'batched'] as const)('a connection by way of another endpoint (%s)', (io) => {
  test('is one between its two ends, byte for byte', async () => {
    const relay = await bind({ io });
    const server = await TestServer.start();
    const client = await bind({ io });
    open.push(server);
    const connectionId = Uint8Array.from(randomBytes(8));
    const allowance = new Allowance(PLENTY, 0);
    const anchor = { address: '127.0.0.1', port: server.port };
    relay.forward({ clientId: connectionId, client: { remote: client.address() }, anchor, allowance });
    const dial = server.dialOptions({ dial: { port: relay.address().port, connectionId } });
    const near = new TransportProbe(await client.dial(dial));
    const far = await server.nextConnection();
    expect(far.transport.remote.port).toBe(relay.address().port);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      const payload = randomBytes(3_000_000);
      const outgoing = from.open(true);
      await outgoing.send(payload);
      const incoming = await to.nextStream();
      await incoming.ended.promise;
      expect(Buffer.compare(incoming.received(), payload)).toBe(0);
    }
    const { forwardedBytes, connections, dropped } = relay.stats();
    expect(forwardedBytes).toBeGreaterThan(6_000_000);
    expect(connections).toBe(0);
    expect(dropped).toMatchObject({ relayAddress: 0, relayQuota: 0, unknownConnection: 0, notListening: 0 });
  }, 20_000);
});

describe('a datagram', () => {
  test('of the client goes to the anchor by the client id of a long header, and by the anchor id of a short one', async () => {
    const made = await scene();
    const { relay, client, anchor, clientId } = made;
    const first = longPacket(randomBytes(16), clientId);
    client.say(first, relay);
    await until(() => anchor.got.length === 1);
    const second = shortPacket(await introduce(made));
    client.say(second, relay);
    await until(() => anchor.got.length === 2);
    expect(anchor.got).toEqual([first, second]);
  });

  test('from elsewhere goes nowhere, whichever ids it has', async () => {
    const made = await scene();
    const { relay, client, anchor, clientId } = made;
    const anchorId = await introduce(made);
    const stranger = await Talker.bind();
    for (const datagram of [
      longPacket(randomBytes(16), clientId),
      longPacket(clientId, randomBytes(8)),
      shortPacket(clientId),
      shortPacket(anchorId),
    ])
      stranger.say(datagram, relay);
    // Each end by the other's way, too.
    client.say(shortPacket(clientId), relay);
    anchor.say(shortPacket(anchorId), relay);
    await until(() => relay.stats().dropped.relayAddress === 6);
    expect([client.got.length, anchor.got.length, stranger.got.length]).toEqual([1, 0, 0]);
  });

  test('of an id that no packet of the anchor has shown goes nowhere', async () => {
    const { relay, client, anchor, clientId } = await scene();
    client.say(shortPacket(randomBytes(8)), relay);
    // Neither a version negotiation nor a Retry shows one, nor does anybody but the anchor.
    const negotiated = randomBytes(8);
    const retried = randomBytes(8);
    const forged = randomBytes(8);
    anchor.say(longPacket(clientId, negotiated, { version: 0 }), relay);
    anchor.say(longPacket(clientId, retried, { first: 0xf0 }), relay);
    client.say(longPacket(clientId, forged), relay);
    await until(() => relay.stats().dropped.relayAddress === 1);
    for (const id of [negotiated, retried, forged]) client.say(shortPacket(id), relay);
    await until(() => relay.stats().dropped.unknownConnection === 4);
    expect(anchor.got).toEqual([]);
  });

  test('goes where the client is now', async () => {
    const { relay, client, anchor, clientId, flow } = await scene();
    const elsewhere = await Talker.bind();
    Object.assign(flow.client, { remote: elsewhere.source });
    anchor.say(shortPacket(clientId), relay);
    await until(() => elsewhere.got.length === 1);
    client.say(longPacket(randomBytes(16), clientId), relay);
    await until(() => relay.stats().dropped.relayAddress === 1);
    expect(anchor.got).toEqual([]);
  });

  test('of a connection that is forwarded no longer is nobody’s', async () => {
    const made = await scene();
    const { relay, client, anchor, clientId, flow } = made;
    const anchorId = await introduce(made);
    relay.stopForwarding(flow);
    relay.stopForwarding(flow);
    client.say(shortPacket(anchorId), relay);
    anchor.say(shortPacket(clientId), relay);
    await until(() => relay.stats().dropped.unknownConnection === 2);
    expect([relay.stats().flows, anchor.got.length, client.got.length]).toEqual([0, 0, 1]);
  });
});

describe('the bounds', () => {
  test('one datagram goes out for each that comes in, of the same length', async () => {
    const made = await scene();
    const { relay, client, anchor } = made;
    const anchorId = await introduce(made);
    for (let i = 0; i < 50; i += 1) client.say(shortPacket(anchorId, 30 + i), relay);
    await until(() => anchor.got.length === 50);
    expect(anchor.got.map((datagram) => datagram.length)).toEqual(Array.from({ length: 50 }, (_, i) => 30 + i));
    expect(relay.stats().forwardedDatagrams).toBe(51);
  });

  test.each([
    // A burst of 256 kB has room for 13 of them.
    { limits: { bytes: 1e9, bytesPerSecond: 1 }, passed: 13, reason: 'relayRate' },
    { limits: { bytes: 200_000, bytesPerSecond: 1e9 }, passed: 9, reason: 'relayQuota' },
  ] as const)('what is beyond is dropped and counted: $reason', async ({ limits, passed, reason }) => {
    const made = await scene(limits);
    const { relay, client } = made;
    const anchorId = await introduce(made);
    for (let i = 0; i < 25; i += 1) client.say(shortPacket(anchorId, 20_000), relay);
    await until(() => relay.stats().datagramsReceived === 26);
    expect(relay.stats().dropped[reason]).toBe(25 - passed);
    expect(relay.stats().forwardedDatagrams).toBe(1 + passed);
  });

  test('an id of another length, one in use and one too many are refused', async () => {
    const { relay, client, anchor, clientId } = await scene(PLENTY, { limits: { maxFlows: 2 } });
    const request = { client: { remote: client.source }, anchor: anchor.source, allowance: new Allowance(PLENTY, 0) };
    const forward = (id: Uint8Array) => (): Flow => relay.forward({ ...request, clientId: id });
    expect(forward(clientId)).toThrow(expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' }));
    expect(forward(randomBytes(20))).toThrow(expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' }));
    forward(randomBytes(8))();
    expect(forward(randomBytes(8))).toThrow(expect.objectContaining({ code: 'ERR_KWIK_LIMIT_EXCEEDED' }));
    expect(relay.stats().flows).toBe(2);
  });

  test('an anchor shows a few ids, and none that another flow has', async () => {
    const made = await scene();
    const { relay, client, anchor, clientId } = made;
    const ids: Uint8Array[] = [];
    for (let i = 0; i < 6; i += 1) ids.push(await introduce(made));
    for (const id of ids) client.say(shortPacket(id), relay);
    await until(() => relay.stats().dropped.unknownConnection === 2 && anchor.got.length === 4);
    const thief = await Talker.bind();
    const allowance = new Allowance(PLENTY, 0);
    const theirs = Uint8Array.from(randomBytes(8));
    const accomplice = await Talker.bind();
    relay.forward({ clientId: theirs, client: { remote: accomplice.source }, anchor: thief.source, allowance });
    thief.say(longPacket(theirs, ids[0]!), relay);
    await until(() => accomplice.got.length === 1);
    client.say(shortPacket(ids[0]!), relay);
    await until(() => anchor.got.length === 5);
    expect(clientId).toHaveLength(8);
  });

  test('an id that another connection is known by is refused at either end, and keeps nothing from that', async () => {
    const made = await scene();
    const { relay, client, anchor, clientId } = made;
    const anchorId = await introduce(made);
    const thief = await Talker.bind();
    const allowance = new Allowance(PLENTY, 0);
    const theirs = Uint8Array.from(randomBytes(8));
    const request = { client: { remote: thief.source }, anchor: anchor.source, allowance };
    expect(() => relay.forward({ ...request, clientId: anchorId })).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' }),
    );
    relay.forward({ ...request, clientId: theirs, anchor: thief.source, client: { remote: anchor.source } });
    // An anchor of theirs that shows the client's id as its own.
    thief.say(longPacket(theirs, clientId), relay);
    await until(() => anchor.got.length === 1);
    client.say(shortPacket(anchorId), relay);
    await until(() => anchor.got.length === 2);
    anchor.say(shortPacket(clientId), relay);
    await until(() => client.got.length === 2);
  });

  test.each(['127.0.0.1', '0.0.0.0'])('neither the relay itself (on %s) nor the client is an anchor', async (host) => {
    const [relay, client] = await Promise.all([bind({ host }), Talker.bind()]);
    const own = { address: '127.0.0.1', port: relay.address().port };
    for (const anchor of [own, client.source]) {
      const clientId = Uint8Array.from(randomBytes(8));
      const allowance = new Allowance(PLENTY, 0);
      expect(() => relay.forward({ clientId, client: { remote: client.source }, anchor, allowance })).toThrow(
        expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' }),
      );
    }
  });
});
