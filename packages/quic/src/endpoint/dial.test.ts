import { createSocket } from 'node:dgram';
import { X509Certificate } from 'node:crypto';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { KwikError } from '@kwik/wire';
import { quicheBackend } from '../backends/quiche-backend.js';
import { spkiPin } from '../tls/certificate-check.js';
import { Endpoint } from './endpoint.js';
import type { DialOptions } from './options.js';
import { makeAuthority, makeSelfSigned, type TestAuthority } from '../test-support/certificates.js';
import { type PairOptions, TestServer, TransportProbe } from '../test-support/peers.js';

const DAY_MS = 86_400_000;

let authority: TestAuthority;
let client: Endpoint | undefined;
let server: TestServer | undefined;

beforeAll(async () => {
  authority = await makeAuthority('Authority A');
});

afterEach(async () => {
  await client?.close();
  await server?.endpoint.close();
  client = undefined;
  server = undefined;
});

async function dialError(options: PairOptions, dial: Partial<DialOptions> = {}): Promise<KwikError> {
  await client?.close();
  client = await Endpoint.bind();
  const base = server?.dialOptions(options) ?? { host: '127.0.0.1', port: 9, trust: { ca: authority.certPem } };
  try {
    await client.dial({ ...base, ...dial });
  } catch (error) {
    if (error instanceof KwikError) return error;
    throw error;
  }
  throw new Error('the dial succeeded');
}

async function startWith(names: readonly string[], dates: { notBefore?: Date; notAfter?: Date } = {}): Promise<void> {
  server = await TestServer.start({}, authority, await authority.issue({ names, ...dates }));
}

describe('the server certificate is checked', () => {
  test('an authority that is not trusted', async () => {
    await startWith(['127.0.0.1']);
    const other = await makeAuthority('Authority B');
    const error = await dialError({}, { trust: { ca: other.certPem } });
    expect(error.code).toBe('ERR_KWIK_CERTIFICATE');
    expect(error.message).toMatch(/issued by "CN=Authority A"/);
    expect(error.message).toMatch(/trusted: CN=Authority B/);
    expect(server?.accepted).toHaveLength(0);
  });

  test('another IP address', async () => {
    await startWith(['10.1.2.3', 'elsewhere.example']);
    const error = await dialError({});
    expect(error.code).toBe('ERR_KWIK_CERTIFICATE');
    expect(error.message).toMatch(/not for "127.0.0.1" but for: .*10\.1\.2\.3.*elsewhere\.example/);
  });

  test('another name', async () => {
    await startWith(['right.example']);
    const error = await dialError({}, { serverName: 'wrong.example' });
    expect(error.code).toBe('ERR_KWIK_CERTIFICATE');
    expect(error.message).toMatch(/not for "wrong.example" but for: DNS:right.example/);
  });

  describe('a SPIFFE id', () => {
    const ID = 'spiffe://example.org/servers/one';
    const startAs = async (uris: readonly string[], names: readonly string[] = []): Promise<void> => {
      server = await TestServer.start({}, authority, await authority.issue({ names, uris }));
    };

    test('is the name of a server that has it, whatever its host is called', async () => {
      await startAs([ID]);
      client = await Endpoint.bind();
      const transport = await client.dial({ ...server!.dialOptions({}), serverName: ID });
      expect(new X509Certificate(transport.peerCertificates[0]!).subjectAltName).toBe(`URI:${ID}`);
      transport.close(0, '');
    });

    test.each<[string, readonly string[], readonly string[], RegExp]>([
      ['another id', ['spiffe://example.org/servers/two'], [], /not for "spiffe:.*one" but for: URI:spiffe:.*two/],
      ['of another trust domain', ['spiffe://example.com/servers/one'], [], /not for "spiffe:/],
      ['none, but the right host', [], ['127.0.0.1'], /not for "spiffe:.*but for: IP Address:127/],
      ['two ids', [ID, 'spiffe://example.org/servers/two'], [], /has 2 URIs/],
      ['and another URI', [ID, 'https://example.org/'], [], /has 2 URIs/],
      ['as a name of DNS', [], [ID], /a SPIFFE id that is no URI/],
      ['that is malformed', [`${ID}/`], [], /is no SPIFFE id: its path has an empty segment/],
      ['with more behind it', [`${ID} x`], [], /is no SPIFFE id|not for "spiffe:/],
    ])('%s is refused', async (_what, uris, names, message) => {
      await startAs(uris, names);
      const error = await dialError({}, { serverName: ID });
      expect([error.code, error.message]).toEqual(['ERR_KWIK_CERTIFICATE', expect.stringMatching(message)]);
      expect(server?.accepted).toHaveLength(0);
    });

    test('of a stranger is refused by the authority that signed it', async () => {
      const other = await makeAuthority('Authority B');
      server = await TestServer.start({}, authority, await other.issue({ uris: [ID] }));
      expect((await dialError({}, { serverName: ID })).message).toMatch(/issued by "CN=Authority B"/);
    });

    test.each([
      'spiffe://example.org',
      'spiffe://Example.org/a',
      'spiffe://example.org/a%2e',
      'SPIFFE://example.org/a',
    ])('%s is none of a server, and nothing is dialled', async (serverName) => {
      await startAs([serverName]);
      expect((await dialError({}, { serverName })).code).toBe('ERR_KWIK_INVALID_ARGUMENT');
      expect(server?.endpoint.stats().accepted).toBe(0);
    });
  });

  test('a name in the common name only does not count', async () => {
    const issued = await authority.issue({ names: [], commonName: 'only.example' });
    server = await TestServer.start({}, authority, issued);
    const error = await dialError({}, { serverName: 'only.example' });
    expect(error.code).toBe('ERR_KWIK_CERTIFICATE');
    expect(error.message).toMatch(/no subject alternative names/);
  });

  test('expired, and not yet valid', async () => {
    await startWith(['127.0.0.1'], {
      notBefore: new Date(Date.now() - 3 * DAY_MS),
      notAfter: new Date(Date.now() - DAY_MS),
    });
    const expired = await dialError({});
    expect(expired.code).toBe('ERR_KWIK_CERTIFICATE');
    expect(expired.message).toMatch(/expired on/);
    await server?.endpoint.close();
    await startWith(['127.0.0.1'], {
      notBefore: new Date(Date.now() + DAY_MS),
      notAfter: new Date(Date.now() + 3 * DAY_MS),
    });
    const early = await dialError({});
    expect(early.code).toBe('ERR_KWIK_CERTIFICATE');
    expect(early.message).toMatch(/valid only from/);
  });

  test('a certificate that was issued for clients', async () => {
    server = await TestServer.start({}, authority, await authority.issue({ usage: 'client' }));
    const error = await dialError({});
    expect(error.code).toBe('ERR_KWIK_CERTIFICATE');
    expect(error.message).toMatch(/not for this purpose/);
  });

  test('a pin stands for a self-signed certificate, whatever its name; a wrong pin does not', async () => {
    const issued = await makeSelfSigned({ names: ['unrelated.example'] });
    server = await TestServer.start({}, authority, issued);
    const pin = spkiPin(new X509Certificate(issued.certPem));
    client = await Endpoint.bind();
    for (const form of [pin, Buffer.from(pin, 'hex').toString('base64')]) {
      const transport = new TransportProbe(
        await client.dial(server.dialOptions({ dial: { trust: { pins: [form] } } })),
      );
      expect(transport.transport.peerCertificates).toHaveLength(1);
    }
    const error = await dialError({}, { trust: { pins: ['00'.repeat(32)] } });
    expect(error.code).toBe('ERR_KWIK_CERTIFICATE');
    expect(error.message).toContain(pin);
  });

  test('a pin together with an authority: both must hold', async () => {
    await startWith(['127.0.0.1']);
    const error = await dialError({}, { trust: { ca: authority.certPem, pins: ['ab'.repeat(32)] } });
    expect(error.code).toBe('ERR_KWIK_CERTIFICATE');
    expect(error.message).toMatch(/pin/);
  });

  test('nothing to check with is refused before a packet is sent', async () => {
    await startWith(['127.0.0.1']);
    const error = await dialError({}, { trust: {} });
    expect(error.code).toBe('ERR_KWIK_CREDENTIALS');
    expect(client?.stats().datagramsSent).toBe(0);
  });
});

describe('dials that come to nothing', () => {
  test('of which the backend makes no connection count for none', async () => {
    const broken = new Error('the backend says no');
    const connect = (): never => {
      throw broken;
    };
    client = await Endpoint.bind({ backend: { ...quicheBackend(), connect }, limits: { maxConnections: 1 } });
    const to = { host: '127.0.0.1', port: 9, trust: { ca: authority.certPem } };
    for (let n = 0; n < 2; n += 1) await expect(client.dial(to)).rejects.toBe(broken);
    expect(client.stats().connections).toBe(0);
  });

  test('nobody listens: the machine says so', async () => {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const { port } = socket.address();
    await new Promise<void>((resolve) => socket.close(() => resolve()));
    const error = await dialError({}, { port, timeoutMs: 4_000 });
    expect(error.code).toBe('ERR_KWIK_CONNECT_FAILED');
    expect(error.message).toMatch(/nobody listens/);
  });

  test('somebody who never answers', async () => {
    const silent = createSocket('udp4');
    await new Promise<void>((resolve) => silent.bind(0, '127.0.0.1', resolve));
    const error = await dialError({}, { port: silent.address().port, timeoutMs: 300 });
    expect(error.code).toBe('ERR_KWIK_TIMEOUT');
    expect(error.message).toMatch(/no answer/);
    silent.close();
  });

  test('no protocol in common', async () => {
    await startWith(['127.0.0.1']);
    const error = await dialError({}, { alpn: ['other/9'] });
    expect(error.code).toBe('ERR_KWIK_CONNECT_FAILED');
    expect(error.message).toMatch(/ALPN other\/9/);
  });

  test('aborted before and during', async () => {
    await startWith(['127.0.0.1']);
    const before = await dialError({}, { signal: AbortSignal.abort() });
    expect(before.code).toBe('ERR_KWIK_ABORTED');
    const silent = createSocket('udp4');
    await new Promise<void>((resolve) => silent.bind(0, '127.0.0.1', resolve));
    const controller = new AbortController();
    setImmediate(() => controller.abort());
    const during = await dialError({}, { port: silent.address().port, signal: controller.signal });
    expect(during.code).toBe('ERR_KWIK_ABORTED');
    silent.close();
  });

  test('a name that does not resolve, and a port that is none', async () => {
    const name = await dialError({}, { host: 'no-such-host.invalid' });
    expect(name.code).toBe('ERR_KWIK_CONNECT_FAILED');
    expect(name.message).toMatch(/does not resolve/);
    const port = await dialError({}, { port: 70_000 });
    expect(port.code).toBe('ERR_KWIK_INVALID_ARGUMENT');
  });
});

describe('server credentials', () => {
  test('a key of another certificate, and text that is no PEM', async () => {
    client = await Endpoint.bind();
    const one = await authority.issue();
    const two = await authority.issue();
    const code = (certPem: string, keyPem: string): string => {
      try {
        client?.listen({ certPem, keyPem }, () => undefined);
      } catch (error) {
        return KwikError.from(error).code;
      }
      return 'none';
    };
    expect(code(one.certPem, two.keyPem)).toBe('ERR_KWIK_CREDENTIALS');
    expect(code('nonsense', one.keyPem)).toBe('ERR_KWIK_CREDENTIALS');
    expect(code(one.certPem, 'nonsense')).toBe('ERR_KWIK_CREDENTIALS');
    expect(code(one.certPem, one.keyPem)).toBe('none');
  });
});

describe('client certificates', () => {
  test('are asked for, checked and shown to the server', async () => {
    const pair = await authority.issue({ usage: 'client', commonName: 'a client' });
    const options = { server: { clientCa: authority.certPem, requireClientCertificate: true } };
    server = await TestServer.start(options, authority);
    client = await Endpoint.bind();
    await client.dial({ ...server.dialOptions(), certificate: pair });
    const accepted = await server.nextConnection();
    const [leaf] = accepted.transport.peerCertificates;
    expect(new X509Certificate(leaf ?? '').subject).toBe('CN=a client');
  });

  test('none, or one of a stranger: the dial fails, not the connection later', async () => {
    const options = { server: { clientCa: authority.certPem, requireClientCertificate: true } };
    server = await TestServer.start(options, authority);
    const stranger = await (await makeAuthority('Stranger')).issue({ usage: 'client' });
    const refused = await dialError({}, { certificate: stranger });
    expect(refused.code).toBe('ERR_KWIK_CERTIFICATE');
    expect(server.accepted).toHaveLength(0);
  });

  test('may be optional', async () => {
    server = await TestServer.start({ server: { clientCa: authority.certPem } }, authority);
    client = await Endpoint.bind();
    await client.dial(server.dialOptions());
    const accepted = await server.nextConnection();
    expect(accepted.transport.peerCertificates).toHaveLength(0);
  });
});

describe('a connection that nobody attached to', () => {
  test('ends when it is closed, and its endpoint goes on', async () => {
    server = await TestServer.start({}, authority);
    client = await Endpoint.bind();
    const connection = await client.dial(server.dialOptions({}));
    const other = await client.dial(server.dialOptions({}));
    connection.close(0, 'not needed');
    await client.flushed(connection);
    expect((connection as unknown as { ended: boolean }).ended).toBe(true);
    expect(other.closed).toBe(false);
  });
});

describe('a name with several addresses', () => {
  /** The loopback address of each family first; nobody listens on the first. A socket on `::` reaches both. */
  const lookup = () => Promise.resolve(['::1', '127.0.0.1']);

  test('is reached at the one where the server is', async () => {
    await startWith(['both.example']);
    client = await Endpoint.bind({ host: '::', lookup });
    const transport = await client.dial({ ...server!.dialOptions({}), host: 'both.example' });
    expect(transport.remote.address).toBe('::ffff:127.0.0.1');
    // The attempt that lost is gone.
    expect(client.stats().connections).toBe(1);
  });

  test('is reached although the first address is silent', async () => {
    await startWith(['both.example']);
    const silent = createSocket('udp6');
    await new Promise<void>((resolve) => silent.bind(server!.port, '::1', resolve));
    client = await Endpoint.bind({ host: '::', lookup });
    const startMs = performance.now();
    const transport = await client.dial({ ...server!.dialOptions({}), host: 'both.example' });
    expect(transport.remote.address).toBe('::ffff:127.0.0.1');
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(249);
    silent.close();
  });

  test('and nobody at any of them: each is named, with why', async () => {
    client = await Endpoint.bind({ host: '::', lookup });
    const trust = { ca: authority.certPem };
    const dial = client.dial({ host: 'both.example', port: 9, trust, timeoutMs: 4000 });
    await expect(dial).rejects.toMatchObject({
      code: 'ERR_KWIK_CONNECT_FAILED',
      message: expect.stringMatching(
        /none of the 2 addresses of both\.example:9.*::1: .*nobody listens.*127\.0\.0\.1: /,
      ),
    });
  });
});

describe('a name that the resolver takes long for', () => {
  const lookup = () => new Promise<string[]>(() => undefined);

  test('ends with the time of the dial, and with its signal', async () => {
    client = await Endpoint.bind({ lookup });
    const base = { host: 'slow.example', port: 9, trust: { ca: authority.certPem } };
    const late = client.dial({ ...base, timeoutMs: 60 });
    await expect(late).rejects.toMatchObject({
      code: 'ERR_KWIK_TIMEOUT',
      message: expect.stringMatching(/was not resolved in time/),
    });
    const controller = new AbortController();
    const aborted = client.dial({ ...base, signal: controller.signal });
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'ERR_KWIK_ABORTED' });
  });
});

describe('addresses of IPv6', () => {
  test('a link-local one without its interface is refused, with what is missing', async () => {
    await startWith(['127.0.0.1']);
    const error = await dialError({}, { host: 'fe80::77', port: 24_402 });
    expect(error.code).toBe('ERR_KWIK_INVALID_ARGUMENT');
    expect(error.message).toMatch(/fe80::77 is a link-local address: say by which interface/);
  });

  test.each(['::1%lo', '0:0:0:0:0:0:0:1', '[::1%lo]'])('%s is dialled', async (host) => {
    server = await TestServer.start(
      { serverEndpoint: { host: '::1' } },
      authority,
      await authority.issue({ names: ['::1'] }),
    );
    client = await Endpoint.bind({ host: '::1' });
    const transport = await client.dial({ ...server.dialOptions({}), host, timeoutMs: 3000 });
    expect(transport.remote.address).toBe('::1');
  });
});
