import { networkInterfaces } from 'node:os';
import { createSocket } from 'node:dgram';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { dial, type DialOptions, type ListenOptions } from '@kwik/session';
import { QuicConnector } from '../src/client/connector.js';
import { dialOver } from '../src/client/dial.js';
import { developmentAuthority, developmentCertificate } from '../src/credentials/dev-authority.js';
import { Harness } from './harness.js';

jest.setTimeout(60_000);

let harness: Harness;

beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(async () => {
  await harness.close();
});

/** As a hosts file may give `localhost`. */
const lookup = () => Promise.resolve(['::1', '127.0.0.1']);

async function listen(host: string, options: ListenOptions = {}): Promise<number> {
  return (await harness.listen({ host, ...options })).address().port;
}

async function dialBoth(port: number, options: DialOptions = {}) {
  const session = await dialOver(new QuicConnector(options, lookup), { host: 'localhost', port }, options);
  harness.onClose(() => session.close());
  return session;
}

describe('a name with an address of each family', () => {
  test.each(['127.0.0.1', '::1'])('is dialled where the server is: %s', async (host) => {
    const port = await listen(host);
    const session = await dialBoth(port, { timeouts: { dialMs: 5000 } });
    expect(session.getActivePaths()[0]).toMatchObject({ address: `localhost:${port}`, state: 'active' });
  });

  test('a first address that swallows everything costs 250 ms, not the dial', async () => {
    const port = await listen('127.0.0.1');
    const silent = createSocket('udp6');
    await new Promise<void>((resolve) => silent.bind(port, '::1', resolve));
    harness.onClose(() => new Promise<void>((resolve) => silent.close(() => resolve())));
    const session = await dialBoth(port, { timeouts: { dialMs: 3000 } });
    expect(session.getActivePaths()[0]?.state).toBe('active');
  });

  test('with nobody at either the error names both and says why', async () => {
    await expect(dialBoth(9, { timeouts: { dialMs: 3000 } })).rejects.toMatchObject({
      code: 'ERR_KWIK_CONNECT_FAILED',
      message: expect.stringMatching(/none of the 2 addresses of localhost:9.*::1: .*nobody listens.*127\.0\.0\.1: /),
    });
  });

  test('holds for what a server names with addPath', async () => {
    const other = await listen('127.0.0.1', { replica: () => undefined });
    const primary = await harness.listen({ host: '127.0.0.1' });
    const [client, server] = await Promise.all([dialBoth(primary.address().port), primary.accept()]);
    const path = await server.addPath(`localhost:${other}`);
    expect(path).toMatchObject({ address: `localhost:${other}`, state: 'active' });
    expect(client.getActivePaths()).toHaveLength(2);
  });
});

test('a resolver that never answers ends with dialMs', async () => {
  const options = { timeouts: { dialMs: 150 }, trust: { pins: ['00'.repeat(32)] } };
  const connector = new QuicConnector(options, () => new Promise(() => undefined));
  const startMs = performance.now();
  const dialling = dialOver(connector, { host: 'slow.example', port: 9 }, options);
  await expect(dialling).rejects.toMatchObject({ code: 'ERR_KWIK_TIMEOUT' });
  // Ten seconds are the default.
  expect(performance.now() - startMs).toBeLessThan(8000);
});

test('listen takes a name', async () => {
  const port = await listen('localhost');
  const session = await harness.dial(`localhost:${port}`);
  expect(session.getActivePaths()[0]?.state).toBe('active');
});

describe('zones', () => {
  test.each(['[::1%lo]', 'kwik://[::1%25lo]'])('%s', async (host) => {
    const port = await listen('::1');
    const session = await harness.dial(`${host}:${port}`);
    expect(session.getActivePaths()[0]?.state).toBe('active');
  });

  test('a link-local address without one is refused with what is missing', async () => {
    const dialling = dial('[fe80::77]:24402', { trust: { pins: ['00'.repeat(32)] } });
    await expect(dialling).rejects.toMatchObject({
      code: 'ERR_KWIK_INVALID_ARGUMENT',
      message: expect.stringMatching(/link-local address: say by which interface/),
    });
  });

  test('an address of this machine, link-local where it has one, carries a session', async () => {
    const host = ownLinkLocal() ?? '::1';
    const { certPem, keyPem } = await developmentCertificate([host.replace(/%.*/, '')]);
    const listener = await harness.listen({ host, credentials: { cert: certPem, key: keyPem } });
    const { address, port } = listener.address();
    expect(address).toBe(host);
    const trust = { ca: (await developmentAuthority()).certPem };
    const session = await harness.dial(`[${host}]:${port}`, { trust });
    expect(session.getActivePaths()[0]?.state).toBe('active');
  });
});

/** With its interface; what is sent there stays on this machine. */
function ownLinkLocal(): string | undefined {
  for (const [name, addresses = []] of Object.entries(networkInterfaces())) {
    const found = addresses.find(({ address }) => address.startsWith('fe80:'));
    if (found !== undefined) return `${found.address}%${name}`;
  }
  return undefined;
}
