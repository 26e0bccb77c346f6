import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test } from '@jest/globals';
import { pause, until } from '@kwik/testbed';
import { TestServer, transfer, TransportProbe } from '../test-support/peers.js';
import { Relay } from '../test-support/relay.js';
import { Endpoint } from './endpoint.js';

const open: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

interface Scene {
  readonly server: TestServer;
  readonly relay: Relay;
  readonly client: TransportProbe;
  readonly accepted: TransportProbe;
}

/** As in a network, where nobody has the datagrams of loopback, and a few packets are little that is in flight. */
const NETWORK = { transport: { datagramBytes: 1350 } };

async function scene(): Promise<Scene> {
  const server = await TestServer.start(NETWORK);
  const relay = await Relay.create(server.port);
  const endpoint = await Endpoint.bind();
  open.push(server, relay, endpoint);
  const client = new TransportProbe(
    await endpoint.dial(server.dialOptions({ ...NETWORK, dial: { port: relay.port } })),
  );
  return { server, relay, client, accepted: await server.nextConnection() };
}

/** Sends to both sides what `make` makes of a packet that went there before, `count` times. */
async function inject({ relay }: Scene, count: number, make: (packet: Buffer) => Buffer): Promise<void> {
  const short = (list: Buffer[]): Buffer[] => list.filter((packet) => ((packet[0] ?? 0) & 0x80) === 0);
  const [up, down] = [short(relay.up), short(relay.down)];
  for (let i = 0; i < count; i += 1) {
    relay.toServer(make(up[i % up.length]!));
    relay.toClient(make(down[i % down.length]!));
    if (i % 50 === 0) await new Promise((go) => setImmediate(go));
  }
}

/** The first byte and the connection id are what they were: both can be read on the way. */
function withGarbage(bytes: number): (packet: Buffer) => Buffer {
  return (packet) => Buffer.concat([packet.subarray(0, 9), randomBytes(bytes - 9)]);
}

describe('what QUIC cannot authenticate (RFC 9000, section 5.2)', () => {
  const kinds: readonly [string, (packet: Buffer) => Buffer][] = [
    ['21 bytes with a foreign id', () => Buffer.concat([Buffer.from([0x41]), randomBytes(20)])],
    ['a full packet with a foreign id', () => Buffer.concat([Buffer.from([0x41]), randomBytes(1_349)])],
    ['a packet too short to be one, with the right id', withGarbage(24)],
    ['29 bytes with the right id', withGarbage(29)],
    ['a full packet with the right id', withGarbage(1_350)],
    ['a packet that came before', (packet) => packet],
    ['a packet that came before, one bit changed', flipLastBit],
    ['a long header with the right id', longHeader],
  ];

  test.each(kinds)(
    '%s: no sign of life, no misconduct',
    async (_, make) => {
      const parts = await scene();
      const { client, accepted } = parts;
      await transfer(client, accepted, 50_000);
      await transfer(accepted, client, 50_000);
      await pause(150);
      const heard = [client.transport.lastReceivedMs(), accepted.transport.lastReceivedMs()];
      await inject(parts, 3_000, make);
      await pause(50);
      expect([client.transport.lastReceivedMs(), accepted.transport.lastReceivedMs()]).toEqual(heard);
      await transfer(client, accepted, 50_000);
      expect([client.closeCalls, accepted.closeCalls]).toEqual([0, 0]);
    },
    30_000,
  );

  test('60,000 packets end nothing: 2.5 MB of them once did', async () => {
    const parts = await scene();
    await transfer(parts.client, parts.accepted, 10_000);
    await transfer(parts.accepted, parts.client, 10_000);
    await inject(parts, 60_000, withGarbage(60));
    await transfer(parts.client, parts.accepted, 10_000);
    expect([parts.client.closeCalls, parts.accepted.closeCalls]).toEqual([0, 0]);
  }, 60_000);

  test('what is authentic is a sign of life', async () => {
    const { client, accepted } = await scene();
    await transfer(client, accepted, 1_000);
    await pause(50);
    const before = accepted.transport.lastReceivedMs();
    await transfer(client, accepted, 1_000);
    expect(accepted.transport.lastReceivedMs()).toBeGreaterThan(before);
  });
});

describe('a peer behind a NAT (RFC 9000, section 9.3)', () => {
  test('is followed to its new port: after a pause, and in the middle of what it sends', async () => {
    const { client, accepted, relay } = await scene();
    // As a session has one: it tells what is in flight.
    accepted.open();
    for (let round = 0; round < 5; round += 1) {
      // The last acknowledgements.
      await pause(100);
      if (round < 3) await relay.rebind();
      // It is the client that speaks first: nobody else knows the new port.
      const upload = transfer(client, accepted, 4_000_000);
      await pause(20);
      if (round >= 3) await relay.rebind();
      await upload;
      await transfer(accepted, client, 500_000);
      expect(accepted.transport.remote.port).toBe(relay.outerPort);
      expect([client.closeCalls, accepted.closeCalls]).toEqual([0, 0]);
    }
    const { sentBytes, rttMs } = accepted.transport.stats();
    expect(sentBytes).toBeGreaterThan(2_500_000);
    expect(rttMs).toBeLessThan(500);
  }, 60_000);

  test('garbage from elsewhere, and packets that came before, move nobody', async () => {
    const parts = await scene();
    const { client, accepted, relay, server } = parts;
    await transfer(client, accepted, 50_000);
    const thief = await Relay.create(server.port);
    open.push(thief);
    for (const packet of relay.up.slice(-20)) {
      thief.toServer(packet);
      thief.toServer(withGarbage(200)(packet));
    }
    await until(() => server.endpoint.stats().dropped.wrongAddress >= 20);
    expect(accepted.transport.remote.port).toBe(relay.outerPort);
    await transfer(accepted, client, 50_000);
  });
});

function flipLastBit(packet: Buffer): Buffer {
  const changed = Buffer.from(packet);
  const last = changed.length - 1;
  changed[last] = (changed[last] ?? 0) ^ 1;
  return changed;
}

/** A Handshake packet of version 1 for the connection that `packet` is of. */
function longHeader(packet: Buffer): Buffer {
  const head = Buffer.from([0xe0, 0, 0, 0, 1, 8]);
  return Buffer.concat([head, packet.subarray(1, 9), Buffer.from([0, 0x40, 100]), randomBytes(100)]);
}
