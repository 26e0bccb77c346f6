import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from '@jest/globals';
import { pause } from '@kwik/testbed';
import { type KeyKind, makeAuthority, makeSelfSigned } from '../test-support/certificates.js';
import { TestServer, TransportProbe } from '../test-support/peers.js';
import { Endpoint } from './endpoint.js';

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function bindClient(): Promise<Endpoint> {
  const client = await Endpoint.bind();
  ends.push(() => client.close());
  return client;
}

async function startServer(...parameters: Parameters<typeof TestServer.start>): Promise<TestServer> {
  const server = await TestServer.start(...parameters);
  ends.push(() => server.endpoint.close());
  return server;
}

describe('keys of certificates', () => {
  test.each<KeyKind>(['P-256', 'P-384', 'P-521', 'Ed25519', 'RSA'])('%s', async (key) => {
    const authority = await makeAuthority();
    const server = await startServer(
      { server: { clientCa: authority.certPem, requireClientCertificate: true } },
      authority,
      await authority.issue({ key }),
    );
    const certificate = await authority.issue({ key, usage: 'client' });
    const transport = await (await bindClient()).dial({ ...server.dialOptions(), certificate });
    expect(transport.peerCertificates).toHaveLength(1);
    expect((await server.nextConnection()).transport.peerCertificates).toHaveLength(1);
  });
});

test('PEM texts that begin with a byte order mark', async () => {
  const authority = await makeAuthority();
  const mark = '\uFEFF';
  const { certPem, keyPem } = await authority.issue();
  const server = await startServer({}, authority, { certPem: mark + certPem, keyPem: mark + keyPem });
  const dialling = (await bindClient()).dial({ ...server.dialOptions(), trust: { ca: mark + authority.certPem } });
  expect((await dialling).peerCertificates).toHaveLength(1);
});

describe('certificates that the caller judges', () => {
  test('a client that verifies nothing gets the chain; pins still hold, and nothing at all is still refused', async () => {
    const server = await startServer({}, undefined, await makeSelfSigned({ key: 'Ed25519', names: ['else.example'] }));
    const client = await bindClient();
    const dial = (trust: object) => client.dial({ ...server.dialOptions(), trust });
    expect((await dial({ unverified: true })).peerCertificates).toHaveLength(1);
    await expect(dial({ unverified: true, pins: ['0'.repeat(64)] })).rejects.toMatchObject({
      code: 'ERR_KWIK_CERTIFICATE',
    });
    await expect(dial({ unverified: false })).rejects.toMatchObject({ code: 'ERR_KWIK_CREDENTIALS' });
  });

  test('a server that takes any gets what the client has, and refuses a client that has none', async () => {
    const server = await startServer({ server: { anyClientCertificate: true } });
    const client = await bindClient();
    const certificate = await makeSelfSigned({ usage: 'client' });
    await client.dial({ ...server.dialOptions(), certificate });
    expect((await server.nextConnection()).transport.peerCertificates).toHaveLength(1);
    const refused = new TransportProbe(await client.dial(server.dialOptions()));
    expect(await refused.closed.promise).toMatchObject({ by: 'peer', reason: 'a client certificate is required' });
    expect(server.accepted).toHaveLength(1);
  });
});

test('with awaitServer, a port that is closed is asked again until a server is there', async () => {
  const authority = await makeAuthority();
  const place = createSocket('udp4');
  place.bind(0, '127.0.0.1');
  await once(place, 'listening');
  const { port } = place.address();
  place.close();
  const client = await bindClient();
  const options = { host: '127.0.0.1', port, trust: { ca: authority.certPem } };
  await expect(client.dial(options)).rejects.toMatchObject({ code: 'ERR_KWIK_CONNECT_FAILED' });
  const dialled = client.dial({ ...options, awaitServer: true });
  // Longer than it takes to find out that the port is closed.
  await pause(300);
  await startServer({ serverEndpoint: { port } }, authority);
  expect((await dialled).closed).toBe(false);
});
