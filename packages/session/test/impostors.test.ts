import { X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { pskClientAuth, pskServerAuth } from '@kwik/kcp';
import { Endpoint, spkiPin } from '@kwik/quic';
import type { DialOptions, Listener, PathInfo, Session } from '@kwik/session';
import { createLinks, type EmulatedLink, until } from '@kwik/testbed';
import type { PathTransport, TransportStream } from '@kwik/wire';
import { developmentAuthority, developmentCertificate } from '../src/credentials/dev-authority.js';
import { Impostor } from '../src/test-support/impostor.js';
import { Harness, readAll } from './harness.js';
import { SimulatedWorld } from './simulated-world.js';

/** For machines that do much else at the time. */
jest.setTimeout(60_000);

const LINK = { rateBitsPerSecond: 100e6, delayMs: 2, queueBytes: 200_000 };

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

interface Certificate {
  readonly certPem: string;
  readonly keyPem: string;
}

/** A server that passes TLS by this certificate. */
async function impostorAt(impostor: Impostor, { certPem, keyPem }: Certificate): Promise<string> {
  const endpoint = await Endpoint.bind({ host: '127.0.0.1', port: 0 });
  harness.onClose(() => endpoint.close());
  endpoint.listen({ certPem, keyPem }, (transport) => impostor.accept(transport));
  return `127.0.0.1:${endpoint.address().port}`;
}

/** A primary behind a link that can be cut, with its own certificate. */
async function primaryBehindLink(): Promise<{ listener: Listener; link: EmulatedLink; certificate: Certificate }> {
  const certificate = await developmentCertificate(['127.0.0.1']);
  const { certPem: cert, keyPem: key, ca } = certificate;
  const listener = await harness.listen({ credentials: { cert, key }, trust: { ca } });
  const target = { host: '127.0.0.1', port: listener.address().port };
  const { links, close } = await createLinks({ primary: { target, both: LINK } }, { isolated: true });
  harness.onClose(close);
  return { listener, link: links.primary, certificate };
}

function changesOf(session: Session): PathInfo[] {
  const seen: PathInfo[] = [];
  session.onPathChange((path) => seen.push(path));
  return seen;
}

describe("a server that answers in the primary's place", () => {
  test.each([
    ['with another key of the same authority', 'ERR_KWIK_CERTIFICATE', 'none'],
    ['with the very key of the primary, and no proof', 'ERR_KWIK_PROOF_INVALID', 'none'],
    ['with the very key of the primary, and a proof made up', 'ERR_KWIK_PROOF_INVALID', 'rubbish'],
  ] as const)('%s: gets no byte, and the primary goes on when it is back', async (_how, code, proof) => {
    const { listener, link, certificate } = await primaryBehindLink();
    const impostor = new Impostor(proof);
    const shown = code === 'ERR_KWIK_CERTIFICATE' ? await developmentCertificate(['127.0.0.1']) : certificate;
    const elsewhere = await impostorAt(impostor, shown);
    const client = await harness.dial(link.address(), {
      paths: { alternatives: [elsewhere] },
      timeouts: { recoveryMs: 30_000 },
    });
    const changes = changesOf(client);
    const server = await listener.accept();
    const stream = client.openStream();
    link.cut();
    const writing = stream.write('secret question').then(() => stream.close());
    // It was asked, twice at least, so that what is sent at a second attempt would have come as well.
    await until(() => changes.filter(({ errorCode }) => errorCode === code).length >= 2);
    link.heal();
    expect(Buffer.from(await readAll(await server.acceptStream())).toString()).toBe('secret question');
    await writing;
    expect(impostor).toMatchObject({ streamBytes: 0, messages: 0 });
    // TLS already refuses another key; with the same one, the proof decides.
    if (code === 'ERR_KWIK_PROOF_INVALID') expect(impostor.proofs).toBeGreaterThan(0);
    else expect(impostor.hellos).toBe(0);
    expect(changes.some(({ state, address }) => state === 'active' && address === elsewhere)).toBe(false);
  });

  test('with pins: only the pin of this server, not of another in the list', async () => {
    const { listener, link, certificate } = await primaryBehindLink();
    const other = await developmentCertificate(['127.0.0.1']);
    const impostor = new Impostor();
    const elsewhere = await impostorAt(impostor, other);
    const options: DialOptions = {
      paths: { alternatives: [elsewhere] },
      trust: { pins: [pinOf(other.certPem), pinOf(certificate.certPem)] },
    };
    const client = await harness.dial(link.address(), options);
    await listener.accept();
    const changes = changesOf(client);
    link.cut();
    await until(() => changes.some(({ address, errorCode }) => address === elsewhere && errorCode !== undefined));
    expect(changes.find(({ address, state }) => address === elsewhere && state === 'dead')).toMatchObject({
      errorCode: 'ERR_KWIK_CERTIFICATE',
    });
    expect(impostor.hellos).toBe(0);
  });

  test('at every address: the session ends at once, and says so', async () => {
    const world = new SimulatedWorld(1);
    const server = world.server('primary', { both: { rateBitsPerSecond: 50e6, delayMs: 10 } });
    const client = await world.dial(server.address, { timeouts: { recoveryMs: 60_000 } });
    const impostor = new Impostor();
    world.network.kill(server.address);
    world.network.listen(server.address, (transport) => impostor.accept(transport));
    const writing = client.openStream().write('secret question');
    const [{ error }] = await Promise.all([world.settle(client.closed, 20_000), writing.catch(() => undefined)]);
    expect(error).toMatchObject({ code: 'ERR_KWIK_NO_PATH', cause: { code: 'ERR_KWIK_PROOF_INVALID' } });
    expect(error?.message).toContain('the server that answered is not the primary of this session');
    expect(impostor).toMatchObject({ proofs: 1, streamBytes: 0, messages: 0 });
  });
});

describe('a server in the middle, with a certificate that the client accepts', () => {
  test('cannot relay the handshake of a pre-shared key: the primary refuses, and the client says why', async () => {
    const key = Buffer.alloc(32, 7);
    const refused: string[] = [];
    const listener = await harness.listen({
      auth: [pskServerAuth({ keys: new Map([['laptop', key]]) })],
      onRefused: ({ code }) => refused.push(code),
    });
    const heard: Buffer[] = [];
    const middle = await relayTo(listener, await developmentCertificate(['127.0.0.1']), heard);
    await expect(harness.dial(middle, { auth: [pskClientAuth({ key, name: 'laptop' })] })).rejects.toMatchObject({
      code: 'ERR_KWIK_CERTIFICATE',
      message: "the server's certificate is not the one that the client saw: somebody relays this connection",
    });
    expect(refused).toEqual(['ERR_KWIK_CERTIFICATE']);
    expect(listener.stats()).toMatchObject({ opened: 0 });
    // The relay did relay: what it heard is the refusal.
    expect(Buffer.concat(heard).toString('latin1')).toContain('somebody relays this connection');
  });
});

/** Pipes the control stream of each connection to the server and back; `heard` gets what the server says. */
async function relayTo(listener: Listener, { certPem, keyPem }: Certificate, heard: Buffer[]): Promise<string> {
  const [front, back] = [await Endpoint.bind(), await Endpoint.bind()];
  harness.onClose(() => Promise.all([front.close(), back.close()]));
  const ca = (await developmentAuthority()).certPem;
  const { address: host, port } = listener.address();
  front.listen({ certPem, keyPem }, (client) => {
    const server = back.dial({ host, port, trust: { ca } });
    client.attach({
      ...NOTHING,
      onStream: (down) => {
        const up = server.then((transport) => upstream(transport, down, heard));
        down.attach({ ...SILENT, onData: (chunk) => void up.then((stream) => stream.write(chunk)) });
      },
    });
  });
  return `127.0.0.1:${front.address().port}`;
}

function upstream(transport: PathTransport, down: TransportStream, heard: Buffer[]): TransportStream {
  transport.attach({ ...NOTHING, onStream: (stream) => stream.attach(SILENT) });
  const stream = transport.openStream({ unidirectional: false })!;
  stream.attach({
    ...SILENT,
    onData: (chunk) => {
      heard.push(Buffer.from(chunk));
      down.write(chunk);
    },
  });
  return stream;
}

const NOTHING = { onStream: () => undefined, onSendable: () => undefined, onClose: () => undefined };
const SILENT = {
  onData: () => undefined,
  onEnd: () => undefined,
  onReset: () => undefined,
  onStopSending: () => undefined,
  onWritable: () => undefined,
};

function pinOf(certPem: string): string {
  return spkiPin(new X509Certificate(certPem));
}
