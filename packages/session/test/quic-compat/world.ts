import 'reflect-metadata';
import { createHmac, randomUUID, webcrypto } from 'node:crypto';
import { pause } from '@kwik/testbed';
import * as x509 from '@peculiar/x509';
import type * as quicModule from '@kwik/session/quic';

export type Quic = typeof quicModule;
export type Connection = quicModule.QUICConnection;
export type QuicStream = quicModule.QUICStream;
export type Config = quicModule.QUICConfig;
type Codes = Partial<quicModule.StreamCodes>;

/** What a program for @matrixai/quic may rely on: `run` gives `expected` with either package. */
export interface Case {
  readonly name: string;
  readonly run: (world: World) => Promise<unknown>;
  readonly expected: unknown;
}

export type KeyKind = 'ECDSA' | 'Ed25519' | 'RSA';
export interface Issued {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const KEYS: Readonly<Record<KeyKind, object>> = {
  ECDSA: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  Ed25519: { name: 'Ed25519' },
  RSA: { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1), hash: 'SHA-256' },
};
const DAY_MS = 86_400_000;

/** An authority and a leaf for this machine, with keys of one kind. */
export async function issue(kind: KeyKind = 'ECDSA'): Promise<Issued> {
  const algorithm = KEYS[kind] as webcrypto.EcKeyGenParams & { hash: string };
  const makeKeys = () => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const [authorityKeys, keys] = [await makeKeys(), await makeKeys()];
  const dates = { notBefore: new Date(Date.now() - DAY_MS), notAfter: new Date(Date.now() + DAY_MS) };
  const name = `CN=${randomUUID()}`;
  const common = { ...dates, signingAlgorithm: algorithm };
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    ...common,
    serialNumber: '01',
    name,
    keys: authorityKeys,
    extensions: [new x509.BasicConstraintsExtension(true, 1, true)],
  });
  const names = [
    { type: 'dns', value: 'localhost' },
    { type: 'ip', value: '127.0.0.1' },
    { type: 'ip', value: '::1' },
  ] as const;
  const leaf = await x509.X509CertificateGenerator.create({
    ...common,
    serialNumber: '02',
    subject: `CN=${randomUUID()}`,
    issuer: name,
    publicKey: keys.publicKey,
    signingKey: authorityKeys.privateKey,
    extensions: [
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension([...names]),
    ],
  });
  const key = x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
  return { ca: authority.toString('pem'), cert: leaf.toString('pem'), key };
}

export interface ServerSetup extends Codes {
  readonly host?: string;
  readonly port?: number;
  readonly issued?: Issued;
  readonly config?: Partial<Config>;
  readonly socket?: quicModule.QUICSocket;
  readonly resolveHostname?: quicModule.ResolveHostname;
  /** What is done with each stream. Default: nothing. */
  readonly onStream?: (stream: QuicStream) => unknown;
}

export type ClientSetup = Codes &
  Partial<quicModule.QUICClientOptions> & { readonly ctx?: quicModule.ContextTimedInput };

function quiet(): void {
  return;
}
const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet, getChild: () => logger };

async function sign(key: ArrayBuffer, data: ArrayBuffer): Promise<ArrayBuffer> {
  return new Uint8Array(createHmac('sha256', Buffer.from(key)).update(Buffer.from(data)).digest()).buffer;
}

async function verify(key: ArrayBuffer, data: ArrayBuffer, signature: ArrayBuffer): Promise<boolean> {
  return Buffer.compare(Buffer.from(await sign(key, data)), Buffer.from(signature)) === 0;
}

/** One package, and what a case has made with it, which ends with the case. */
export class World {
  readonly #ends: (() => Promise<unknown>)[] = [];

  constructor(
    readonly quic: Quic,
    /** Made once: RSA keys take a while. */
    readonly issued: Issued,
  ) {}

  onEnd(end: () => Promise<unknown>): void {
    this.#ends.push(end);
  }

  async end(): Promise<void> {
    for (const end of this.#ends.reverse()) await end().catch(() => undefined);
  }

  async server(setup: ServerSetup = {}): Promise<quicModule.QUICServer> {
    const { host = '127.0.0.1', port = 0, issued = this.issued, config = {}, onStream, ...options } = setup;
    const key = webcrypto.getRandomValues(new Uint8Array(32)).buffer;
    const server = new this.quic.QUICServer({
      crypto: { key, ops: { sign, verify } },
      config: { key: issued.key, cert: issued.cert, verifyPeer: false, ...config },
      logger,
      ...options,
    });
    if (onStream !== undefined) {
      server.addEventListener(
        'EventQUICConnectionStream',
        (event: quicModule.events.EventQUICConnectionStream) => void onStream(event.detail),
      );
    }
    this.onEnd(() => server.stop({ force: true }));
    await server.start({ host, port });
    return server;
  }

  /** By default the package sends no certificate and verifies nothing. */
  async client(port: number, { ctx, ...setup }: ClientSetup = {}): Promise<quicModule.QUICClient> {
    const client = await this.quic.QUICClient.createQUICClient(
      {
        host: '127.0.0.1',
        port,
        serverName: 'localhost',
        ...(setup.socket === undefined && { localHost: '127.0.0.1' }),
        crypto: {
          ops: { randomBytes: async (data: ArrayBuffer) => void webcrypto.getRandomValues(new Uint8Array(data)) },
        },
        logger,
        ...setup,
        config: { verifyPeer: false, ...setup.config },
      },
      ctx,
    );
    this.onEnd(() => client.destroy({ force: true }));
    return client;
  }

  async pair(
    server: ServerSetup = {},
    client: ClientSetup = {},
  ): Promise<{ server: quicModule.QUICServer; client: quicModule.QUICClient; atServer: Connection }> {
    const running = await this.server(server);
    const accepted = connectionOf(running);
    const made = await this.client(running.port, client);
    return { server: running, client: made, atServer: await accepted };
  }

  async socket(host = '127.0.0.1'): Promise<quicModule.QUICSocket> {
    const socket = new this.quic.QUICSocket({ logger });
    await socket.start({ host });
    this.onEnd(() => socket.stop({ force: true }));
    return socket;
  }
}

export async function connectionOf(server: quicModule.QUICServer): Promise<Connection> {
  return (await next<quicModule.events.EventQUICServerConnection>(server, 'EventQUICServerConnection')).detail;
}

export async function streamOf(connection: Connection): Promise<QuicStream> {
  return (await next<quicModule.events.EventQUICConnectionStream>(connection, 'EventQUICConnectionStream')).detail;
}

export function next<E extends Event>(target: EventTarget, name: string): Promise<E> {
  return new Promise((resolve) => target.addEventListener(name, (event) => resolve(event as E), { once: true }));
}

/** The name of the error that a connection ends with. */
export async function endOf(connection: Connection): Promise<string> {
  const event = await next<quicModule.events.EventQUICConnectionError>(connection, 'EventQUICConnectionError');
  return event.detail.constructor.name;
}

/** What a promise rejects with: the name of an error's class, or whatever else it is. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'no failure',
    (error: unknown) => (error instanceof Error ? error.constructor.name : error),
  );
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (data: Uint8Array): string => new TextDecoder().decode(data);

export async function readAll(stream: QuicStream): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream.readable) chunks.push(chunk);
  return text(Buffer.concat(chunks));
}

export async function write(stream: QuicStream, ...parts: string[]): Promise<void> {
  const writer = stream.writable.getWriter();
  for (const part of parts) await writer.write(bytes(part));
  writer.releaseLock();
}

export const echo = (stream: QuicStream): Promise<void> =>
  stream.readable.pipeTo(stream.writable).catch(() => undefined);

/** Writes and reads back; the text when it is what was written. */
export async function ask(connection: Connection, question: string): Promise<string> {
  const stream = connection.newStream();
  const answer = readAll(stream);
  await write(stream, question);
  await stream.writable.close();
  return answer;
}

export function within<T>(promise: Promise<T>, ms: number): Promise<T | 'too late'> {
  return Promise.race([promise, pause(ms).then(() => 'too late' as const)]);
}

/** Codes of reasons that are texts, for both ends. */
export function textCodes(): Codes {
  const known = ['none', 'given up', 'not wanted', 'over'];
  return {
    reasonToCode: (_type, reason) => Math.max(0, known.indexOf(String(reason))),
    codeToReason: (_type, code) => known[code],
  };
}
