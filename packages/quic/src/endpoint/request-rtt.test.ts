import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { LinkHost, pause } from '@kwik/testbed';
import { TestServer, TransportProbe } from '../test-support/peers.js';
import { Endpoint } from './endpoint.js';

const RTT_MS = 100;
const REQUEST = new Uint8Array(100);

let host: LinkHost;
let server: TestServer;
let client: Endpoint;

beforeEach(async () => {
  server = await TestServer.start();
  client = await Endpoint.bind();
  host = LinkHost.start({ isolated: true });
});
afterEach(async () => {
  await client.close();
  await server.endpoint.close();
  await host.close();
});

test("under request and answer the RTT is the path's, at both ends, and stays so when nothing more is sent", async () => {
  const target = { host: '127.0.0.1', port: server.port };
  const { port } = await host.create({ target, both: { delayMs: RTT_MS / 2 } });
  const near = new TransportProbe(await client.dial({ ...server.dialOptions(), port }));
  const far = await server.nextConnection();
  const request = near.open();
  const answered = () => new Promise<void>((resolve) => (request.onChunk = () => resolve()));
  await request.send(REQUEST, false);
  const served = await far.nextStream();
  served.onChunk = () => void served.send(REQUEST, false);
  // QUIC's own estimate is far off after some, and would take many more to come down.
  for (let i = 0; i < 15; i++) {
    const next = answered();
    await request.send(REQUEST, false);
    await next;
  }
  const rtts = () => [near.transport.stats().rttMs, far.transport.stats().rttMs];
  for (const rttMs of rtts()) {
    expect(rttMs).toBeGreaterThanOrEqual(0.95 * RTT_MS);
    expect(rttMs).toBeLessThan(1.25 * RTT_MS);
  }
  await pause(10 * RTT_MS);
  for (const rttMs of rtts()) expect(rttMs).toBeLessThan(1.25 * RTT_MS);
});
