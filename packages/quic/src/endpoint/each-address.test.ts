import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { makeAuthority, type TestAuthority } from '../test-support/certificates.js';
import { TestServer, TransportProbe } from '../test-support/peers.js';
import { loadSystemCalls } from '../socket/system-calls.js';
import { Endpoint } from './endpoint.js';

/** Of this machine, and not the one that the system answers a client at 127.0.0.1 from. */
const other = Object.values(networkInterfaces())
  .flatMap((entries) => entries ?? [])
  .find(({ address, internal }) => !internal && isIPv4(address))?.address;
const shows = other !== undefined && loadSystemCalls() !== undefined;
// eslint-disable-next-line no-restricted-syntax -- a machine may have loopback alone, or no batched I/O; then it is skipped by name
const describeWhereItShows = shows ? describe : describe.skip;

let authority: TestAuthority;
const closers: (() => unknown)[] = [];

beforeAll(async () => {
  authority = await makeAuthority('Authority A');
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function serverOnAll(host: string): Promise<TestServer> {
  const server = await TestServer.start(
    { serverEndpoint: { host } },
    authority,
    await authority.issue({ names: [other!, '127.0.0.1'] }),
  );
  closers.push(() => server.endpoint.close());
  return server;
}

async function clientAt(host: string): Promise<Endpoint> {
  const client = await Endpoint.bind({ host });
  closers.push(() => client.close());
  return client;
}

describeWhereItShows('a server on all addresses of a host', () => {
  test.each([
    ['0.0.0.0', ''],
    ['::', '::ffff:'],
  ])('(%s) is reached at each of them, by one client on all of its paths', async (all, prefix) => {
    const server = await serverOnAll(all);
    const client = await clientAt('127.0.0.1');
    for (const host of [other!, '127.0.0.1']) {
      const dialled = await client.dial({ ...server.dialOptions(), host });
      const [here, there] = [new TransportProbe(dialled), await server.nextConnection()];
      expect(there.transport.local.address).toBe(`${prefix}${host}`);
      const sent = new Uint8Array(300_000).fill(7);
      const near = here.open();
      const sending = near.send(sent);
      const far = await there.nextStream();
      await Promise.all([sending, far.send(sent), near.ended.promise, far.ended.promise]);
      expect([near.bytes, far.bytes]).toEqual([300_000, 300_000]);
    }
  });

  test('answers from there also where it has no connection yet', async () => {
    const server = await serverOnAll('0.0.0.0');
    const client = createSocket('udp4');
    closers.push(() => client.close());
    client.bind(0, '127.0.0.1');
    await once(client, 'listening');
    client.connect(server.port, other);
    await once(client, 'connect');
    const answer = once(client, 'message');
    // A long header of a version that nobody speaks, with ids of 8 bytes: Version Negotiation follows (RFC 9000, 6.1).
    client.send(
      Buffer.concat([Buffer.from('c0fafafafa08', 'hex'), Buffer.alloc(8, 1), Buffer.from([8]), Buffer.alloc(1200, 2)]),
    );
    const [message] = (await answer) as [Buffer];
    expect(message.readUInt32BE(1)).toBe(0);
  });
});
