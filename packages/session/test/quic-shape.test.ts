import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { ServerSession } from '@kwik/session';
import type { events } from '@kwik/session/quic';
import { errors, QUICClient, QUICServer, type QUICStream } from '@kwik/session/quic';
import { makeAuthority, makeServerCertificate } from '../src/credentials/certificates.js';
import { Harness, pattern, sourceOf } from './harness.js';

/** What @kwik/session/quic does beside what both packages do (quic-compat.test.ts). */
jest.setTimeout(60_000);

type Config = ConstructorParameters<typeof QUICServer>[0]['config'];

let harness: Harness;
let config: Config;
let ca: string;
beforeEach(async () => {
  harness = await Harness.create();
  const authority = await makeAuthority('shape', 1);
  const { certPem, keyPem } = await makeServerCertificate(authority, ['localhost', '127.0.0.1'], 1);
  ca = authority.certPem;
  config = { cert: certPem, key: keyPem };
});
afterEach(() => harness.close());

async function startServer(options: Partial<ConstructorParameters<typeof QUICServer>[0]> = {}): Promise<QUICServer> {
  const server = new QUICServer({ config, ...options });
  await server.start({ host: '127.0.0.1' });
  harness.onClose(() => server.stop());
  return server;
}

async function connect(server: QUICServer): Promise<QUICClient> {
  const client = await QUICClient.createQUICClient({ host: '127.0.0.1', port: server.port, config: { ca } });
  harness.onClose(() => client.destroy());
  return client;
}

function next<E extends Event>(target: EventTarget, name: string): Promise<E> {
  return new Promise((resolve) => target.addEventListener(name, (event) => resolve(event as E), { once: true }));
}

const acceptStream = async (target: EventTarget): Promise<QUICStream> =>
  (await next<events.EventQUICConnectionStream>(target, 'EventQUICConnectionStream')).detail;

describe('clients', () => {
  test('a server that does not answer is given up in time, by signal, and by cancel', async () => {
    const silent = { host: '127.0.0.1', port: 9, config: { ca } };
    const timed = QUICClient.createQUICClient(silent, { timer: 50 });
    await expect(timed).rejects.toBeInstanceOf(errors.ErrorQUICClientCreateTimeout);
    const why = new Error('changed my mind');
    await expect(QUICClient.createQUICClient(silent, { signal: AbortSignal.abort(why) })).rejects.toBe(why);
    const cancelled = QUICClient.createQUICClient(silent);
    cancelled.cancel(why);
    await expect(cancelled).rejects.toBe(why);
  });

  test('what cannot be had of sockets is refused', async () => {
    const options = { host: '127.0.0.1', port: 1, config: { ca }, reuseAddr: true };
    await expect(QUICClient.createQUICClient(options)).rejects.toBeInstanceOf(errors.ErrorQUICClientInvalidArgument);
  });

  test('a name goes through the resolver of the program; a destroyed client says so', async () => {
    const server = await startServer();
    const client = await QUICClient.createQUICClient({
      host: 'localhost',
      port: server.port,
      config: { ca },
      resolveHostname: (name) => (name === 'localhost' ? '127.0.0.1' : ''),
    });
    expect(client.host).toBe('127.0.0.1');
    await client.destroy();
    expect(() => client.host).toThrow(errors.ErrorQUICClientDestroyed);
    expect(() => client.connection.newStream()).toThrow(errors.ErrorQUICConnectionNotRunning);
  });
});

describe('connections and streams', () => {
  test('meta, ids and certificates', async () => {
    const server = await startServer();
    const accepted = next<events.EventQUICServerConnection>(server, 'EventQUICServerConnection');
    const client = await connect(server);
    const { detail: connection } = await accepted;
    expect(connection.type).toBe('server');
    expect(connection.connectionIdShared).toEqual(client.connection.connectionIdShared);
    expect(client.connection.meta()).toMatchObject({ remoteHost: '127.0.0.1', remotePort: server.port });
    expect(connection.meta()).toMatchObject({ localPort: server.port, remoteHost: '127.0.0.1' });
    expect(connection.getLocalCertsChain()).toHaveLength(1);
    expect(client.connection.getLocalCACertsChain()).toHaveLength(1);
  });

  test('more streams than the peer allows: ErrorQUICStreamLimit', async () => {
    const server = await startServer({ config: { ...config, initialMaxStreamsBidi: 2, initialMaxStreamsUni: 2 } });
    const { connection } = await connect(server);
    connection.newStream();
    connection.newStream();
    expect(() => connection.newStream()).toThrow(errors.ErrorQUICStreamLimit);
    expect(connection.newStream('uni').type).toBe('uni');
  });

  test('abort ends a write that waits for a reader who does not read', async () => {
    const server = await startServer();
    const { connection } = await connect(server);
    const stream = connection.newStream();
    const writer = stream.writable.getWriter();
    const writing = writer.write(pattern(20_000_000));
    const failed = expect(writing).rejects.toBeDefined();
    const closed = next<events.EventQUICStreamCloseWrite>(stream, 'EventQUICStreamCloseWrite');
    await writer.abort('enough');
    await failed;
    expect((await closed).detail).toBeInstanceOf(errors.ErrorQUICStreamLocalWrite);
    expect(stream.writeClosed).toBe(true);
  });

  test('destroy gives up both sides, which the peer sees', async () => {
    const server = await startServer();
    const client = await connect(server);
    const stream = client.connection.newStream();
    const accepted = acceptStream(server);
    await stream.writable.getWriter().write(pattern(10));
    const peer = await accepted;
    const gone = next(peer, 'EventQUICStreamDestroyed');
    await stream.destroy({ reason: 'over' });
    expect(stream.closed).toBe(true);
    await gone;
    expect(peer.closed).toBe(true);
  });

  test('without force, a connection ends when its streams have; what was written before is there', async () => {
    const server = await startServer();
    const client = await connect(server);
    const accepted = acceptStream(server);
    const stream = client.connection.newStream('uni');
    const writer = stream.writable.getWriter();
    await writer.write(pattern(300_000));
    let stopped = false;
    const stopping = client.destroy({ force: false }).then(() => (stopped = true));
    const received = (async () => {
      let bytes = 0;
      for await (const chunk of (await accepted).readable) bytes += chunk.length;
      return bytes;
    })();
    await new Promise((resolve) => setImmediate(resolve));
    expect(stopped).toBe(false);
    await writer.close();
    await stopping;
    expect(await received).toBe(300_000);
  });
});

describe('servers', () => {
  test('start, stop and start again; a taken port is refused by name', async () => {
    const server = await startServer();
    const { port } = server;
    const second = new QUICServer({ config });
    await expect(second.start({ host: '127.0.0.1', port })).rejects.toBeInstanceOf(
      errors.ErrorQUICSocketInvalidBindAddress,
    );
    expect(() => second.port).toThrow(errors.ErrorQUICServerNotRunning);
    expect(() => server.updateConfig({ maxIdleTimeout: 1 })).toThrow(errors.ErrorQUICConfig);
    const closed = server.closedP;
    server.updateConfig(config);
    await server.stop({ errorCode: 3 });
    await closed;
    expect(server.closed).toBe(true);
    server.updateConfig({ maxIdleTimeout: 5000 });
    await server.start({ host: '127.0.0.1', port });
    expect((await connect(server)).connection.closed).toBe(false);
  });

  test('further servers: one listens, the other adds it, the stream has bytes of both (docs/migration.md)', async () => {
    const content = pattern(4_000_000);
    const joined: string[] = [];
    const secondary = await startServer({
      kwik: { trust: { ca }, replica: () => sourceOf(content), onSecondary: (session) => void joined.push(session.id) },
    });
    const server = await startServer();
    server.addEventListener('EventQUICConnectionStream', async (event: events.EventQUICConnectionStream) => {
      await event.detail.logical.sendFrom('film', sourceOf(content));
      await event.detail.writable.close();
    });
    const accepted = next<events.EventQUICServerConnection>(server, 'EventQUICServerConnection');
    const client = await connect(server);
    const session = (await accepted).detail.session as ServerSession;
    await session.addPath(`127.0.0.1:${secondary.port}`);
    const stream = client.connection.newStream();
    await stream.writable.close();
    const chunks: Uint8Array[] = [];
    for await (const chunk of stream.readable) chunks.push(chunk);
    expect(Buffer.concat(chunks).equals(content)).toBe(true);
    expect(joined).toEqual([session.id]);
    const shares = client.connection.session.getAllPaths().map((path) => path.receivedBytes);
    expect(Math.min(...shares)).toBeGreaterThan(0);
  });
});
