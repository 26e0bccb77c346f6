import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type EmulatedLink, LinkHost } from '@kwik/testbed';
import { type PairOptions, TestServer, transfer, transferUntil, TransportProbe } from '../test-support/peers.js';
import { Endpoint } from './endpoint.js';

const BYTES = 1_000_000;

let host: LinkHost;
let link: EmulatedLink;
let server: TestServer;
let client: Endpoint;

beforeEach(async () => {
  server = await TestServer.start();
  client = await Endpoint.bind();
  host = LinkHost.start();
  link = await host.create({
    target: { host: '127.0.0.1', port: server.port },
    both: { rateBitsPerSecond: 20e6, delayMs: 5, queueBytes: 125_000 },
  });
});
afterEach(async () => {
  await client.close();
  await server.endpoint.close();
  await host.close();
});

/** What the route takes, as far as a link of this rate is worth it: see `RouteSizes`. */
function fullBytes(): number {
  return client.stats().io === 'batched' ? 1472 : 1350;
}

/** Both ends of a connection through the link. */
async function connect(options: PairOptions = {}): Promise<{ client: TransportProbe; server: TransportProbe }> {
  const dialled = await client.dial({ ...server.dialOptions(options), port: link.port });
  return { client: new TransportProbe(dialled), server: await server.nextConnection() };
}

describe('a path on which packets above 1300 bytes vanish without a word', () => {
  test('from the start: transfers finish in either direction', async () => {
    link.configure('both', { mtuBytes: 1300 });
    const ends = await connect();
    await transfer(ends.client, ends.server, BYTES);
    await transfer(ends.server, ends.client, BYTES);
    for (const end of [ends.client, ends.server]) {
      expect(end.transport.stats().datagramBytes).toBeLessThanOrEqual(1272);
    }
    // What finding out cost.
    const { up, down } = link.stats();
    expect(up.dropped.mtu).toBeGreaterThan(0);
    expect(Math.max(up.dropped.mtu, down.dropped.mtu)).toBeLessThan(60);
  });

  test('of the server alone: the client was set to 1200', async () => {
    link.configure('both', { mtuBytes: 1300 });
    const ends = await connect({ dial: { transport: { datagramBytes: 1200 } } });
    await transfer(ends.server, ends.client, BYTES);
    await transfer(ends.client, ends.server, BYTES);
    expect(link.stats().up.dropped.mtu).toBe(0);
  });

  test('in the midst of transfers: they go on, with smaller datagrams', async () => {
    const ends = await connect();
    const sizes = (): number[] => [ends.client, ends.server].map((end) => end.transport.stats().datagramBytes);
    await transferUntil(() => Math.min(...sizes()) === fullBytes(), ends.client, ends.server, BYTES);
    expect(sizes()).toEqual([fullBytes(), fullBytes()]);
    const shrink = () => link.configure('both', { mtuBytes: 1300 });
    await Promise.all([
      transfer(ends.client, ends.server, BYTES, shrink),
      transfer(ends.server, ends.client, BYTES, shrink),
    ]);
    await transfer(ends.client, ends.server, BYTES);
    expect(ends.client.transport.stats().datagramBytes).toBeLessThanOrEqual(1272);
  });
});

test('on a path that carries all, no datagram is lost for finding out, and most are of full size', async () => {
  link.configure('both', { rateBitsPerSecond: 20e6, queueBytes: 1_000_000 });
  const ends = await connect();
  await transfer(ends.server, ends.client, BYTES);
  const { down } = link.stats();
  expect(ends.server.transport.stats()).toMatchObject({ datagramBytes: fullBytes(), lostPackets: 0 });
  expect(BYTES / fullBytes() / down.packetsIn).toBeGreaterThan(0.85);
});
