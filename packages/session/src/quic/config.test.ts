import { describe, expect, test } from '@jest/globals';
import { makeAuthority, makeServerCertificate } from '../credentials/certificates.js';
import { clientOptions, derCertificates, serverOptions } from './config.js';
import { ErrorQUICConfig, ErrorQUICConnectionConfigInvalid } from './errors.js';

const PAIR = { key: 'KEY', cert: 'CERT' };

describe('config of a client', () => {
  test('nothing given: the options of KWIK', () => {
    expect(clientOptions({})).toEqual({ limits: {} });
  });

  test('authorities come as text, bytes, or lists of either', () => {
    const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
    expect(clientOptions({ ca: 'A' }).trust).toEqual({ ca: 'A' });
    expect(clientOptions({ ca: bytes('A') }).trust).toEqual({ ca: 'A' });
    expect(clientOptions({ ca: ['A', 'B'] }).trust).toEqual({ ca: 'A\nB' });
    expect(clientOptions({ ca: [bytes('A'), bytes('B')] }).trust).toEqual({ ca: 'A\nB' });
  });

  test('key and cert are a client certificate, which is offered before nothing', () => {
    const { auth } = clientOptions(PAIR);
    expect(auth?.map(({ mechanism }) => mechanism)).toEqual(['certificate', 'none']);
    expect(auth?.[0]?.certificate).toEqual(PAIR);
  });

  test('windows, streams, idle time and datagram size', () => {
    const options = clientOptions({
      initialMaxData: 5_000_000,
      initialMaxStreamDataBidiLocal: 1_000_000,
      initialMaxStreamDataBidiRemote: 2_000_000,
      initialMaxStreamsBidi: 10,
      initialMaxStreamsUni: 20,
      maxIdleTimeout: 4000,
      keepAliveIntervalTime: 1000,
      maxSendUdpPayloadSize: 1200,
    });
    expect(options.limits).toEqual({ streamWindowBytes: 2_000_000, pathWindowBytes: 5_000_000, maxStreams: 20 });
    // QUIC's own idle timer leaves room for what keeps idle paths alive; the session's end is idle-watch.ts's.
    expect(options.timeouts).toEqual({ idleMs: 10_000 });
    expect(options.transport).toEqual({ datagramBytes: 1200 });
    expect(clientOptions({ maxIdleTimeout: 40_000 }).timeouts).toEqual({ idleMs: 40_000 });
  });

  test('the window of the session is never below that of a stream, nor either below a packet', () => {
    expect(clientOptions({ initialMaxStreamDataUni: 3_000_000, initialMaxData: 1_000_000 }).limits).toEqual({
      streamWindowBytes: 3_000_000,
      pathWindowBytes: 3_000_000,
    });
    const { streamWindowBytes, pathWindowBytes } = clientOptions({ initialMaxData: 10 }).limits ?? {};
    expect(streamWindowBytes).toBeGreaterThan(10_000);
    expect(pathWindowBytes).toBe(streamWindowBytes);
  });

  test('what makes no difference is not used', () => {
    const harmless = { grease: false, enableEarlyData: true, readableChunkSize: 1, logKeys: './keys' };
    expect(clientOptions({ ...harmless, enableDgram: [false, 0, 0], applicationProtos: ['quic'] })).toEqual(
      clientOptions({}),
    );
  });

  test.each([
    ['sigalgs', { sigalgs: 'ed25519' }],
    ['enableDgram', { enableDgram: [true, 1, 1] as const }],
    ['applicationProtos', { applicationProtos: ['mine'] }],
    ['initialMaxStreams', { initialMaxStreamsBidi: 0, initialMaxStreamsUni: 0 }],
    ['cert', { key: 'KEY' }],
    ['key', { cert: 'CERT' }],
  ])('%s is refused, by name', (name, config) => {
    expect(() => clientOptions(config)).toThrow(ErrorQUICConfig);
    expect(() => clientOptions(config)).toThrow(name);
  });

  test('who judges by a callback, or not at all, gives TLS no authority', () => {
    expect(clientOptions({ ca: 'A', verifyPeer: false }).trust).toBeUndefined();
    expect(clientOptions({ ca: 'A', verifyCallback: () => undefined }).trust).toBeUndefined();
    const server = serverOptions({ ...PAIR, ca: 'A', verifyPeer: true, verifyCallback: () => undefined });
    expect(server.auth).toBeUndefined();
  });

  test('keep-alives that come too late are refused, as there', () => {
    expect(() => clientOptions({ keepAliveIntervalTime: 20, maxIdleTimeout: 10 })).toThrow(
      ErrorQUICConnectionConfigInvalid,
    );
  });
});

describe('config of a server', () => {
  test('key and cert are its credentials; without verifyPeer anybody may come, and no server may command', () => {
    expect(serverOptions({ ...PAIR, ca: 'A' })).toEqual({ credentials: PAIR, limits: {} });
  });

  test('verifyPeer asks clients for certificates of the authority', async () => {
    const { certPem } = await makeAuthority('clients', 1);
    const { auth } = serverOptions({ ...PAIR, verifyPeer: true, ca: certPem });
    expect(auth).toMatchObject([{ mechanism: 'certificate', clientCa: certPem }]);
  });
});

test('certificates for meta are DER, in order', async () => {
  const authority = await makeAuthority('one', 1);
  const leaf = await makeServerCertificate(authority, ['localhost'], 1);
  const chain = derCertificates(leaf.certPem + authority.certPem);
  expect(chain.map((der) => der[0])).toEqual([0x30, 0x30]);
  expect(Buffer.from(chain[1]!).equals(Buffer.from(derCertificates([authority.certPem])[0]!))).toBe(true);
  expect(derCertificates(undefined)).toEqual([]);
});
