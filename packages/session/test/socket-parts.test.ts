import { afterEach, expect, test } from '@jest/globals';
import { askForServers, type Listener, type ServerSession, type Session } from '@kwik/session';
import { until } from '@kwik/testbed';
import {
  bindPort,
  ByteStream,
  dialAddresses,
  DialEndpoints,
  listenOn,
  partNow,
  sessionAddresses,
} from '@kwik/session/socket';

const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

interface Connected {
  readonly client: Session;
  readonly server: ServerSession;
  readonly listener: Listener;
  readonly endpoints: DialEndpoints;
}

async function connected(host = '127.0.0.1'): Promise<Connected> {
  const options = { host, port: 0, loopbackOnly: true };
  const bound = bindPort(options);
  open.push(bound);
  const { port } = bound.address();
  const listener = await listenOn(bound, options);
  open.push({ close: () => listener.close({ force: true }) });
  const target = { host: 'localhost', port, addresses: ['127.0.0.1'] };
  const endpoints = new DialEndpoints();
  const client = await dialAddresses(target, {}, endpoints);
  open.push({ close: () => client.close(0, '', { timeoutMs: 0 }) });
  return { client, server: await listener.accept(), listener, endpoints };
}

test('what has come is read at once, and what was not read shows', async () => {
  const { client, server } = await connected();
  const sent = new ByteStream(client.openStream());
  const { signal } = new AbortController();
  for (let count = 0; count < 100; count += 1) await sent.write(new Uint8Array(300).fill(count), signal);
  const received = new ByteStream(await server.acceptStream());
  expect(await received.read()).toBeInstanceOf(Buffer);
  await until(() => server.getAllPaths()[0]!.receivedBytes === 100 * 300);
  const rest = await received.read();
  expect(rest!.length).toBeGreaterThan(2000);
  expect(received.unread).toBe(false);
  const delivered = sent.close();
  expect(await received.read()).toBeNull();
  await delivered;
  expect(await received.read()).toBeNull();
});

test('a port on every address that serves this machine alone needs no credentials, and tells whence a client came', async () => {
  const { client, server } = await connected('::');
  const there = sessionAddresses(client)!;
  const here = sessionAddresses(server)!;
  expect(there.remote.address).toBe('127.0.0.1');
  expect(here.remote.port).toBe(there.local.port);
});

test('a listener that has left its port to another one refuses nobody there, and keeps its sessions', async () => {
  const options = { host: '127.0.0.1', port: 0, loopbackOnly: true };
  const bound = bindPort(options);
  open.push(bound);
  const { port } = bound.address();
  const target = { host: 'localhost', port, addresses: ['127.0.0.1'] };
  const endpoints = new DialEndpoints();
  const first = await listenOn(bound, options);
  const before = await dialAddresses(target, {}, endpoints);
  open.push({ close: () => before.close(0, '', { timeoutMs: 0 }) });
  await first.accept();
  first.leaveEndpoint();
  const second = await listenOn(bound, options);
  open.push({ close: () => second.close({ force: true }) });
  const after = await dialAddresses(target, {}, endpoints);
  open.push({ close: () => after.close(0, '', { timeoutMs: 0 }) });
  await second.accept();
  await first.close({ force: true });
  await (await dialAddresses(target, {}, endpoints)).close();
});

test.each([1, 20])(
  'a process that ends has sent what was written, on %i streams, and its peer reads it',
  async (count) => {
    const { client, server, endpoints } = await connected();
    const { signal } = new AbortController();
    const sent = Array.from({ length: count }, () => new ByteStream(client.openStream()));
    const received: ByteStream[] = [];
    for (const stream of sent) {
      await stream.write(Buffer.from('hello'), signal);
      received.push(new ByteStream(await server.acceptStream()));
      expect(String(await received.at(-1)!.read())).toBe('hello');
    }
    // The peer read the control stream last, and looks at it first; then all is there, and the end of the session.
    await expect(askForServers(client)).rejects.toThrow('serverQuery is not served here');
    for (const stream of sent) {
      void stream.write(Buffer.from('bye'), signal);
      stream.close().catch(() => undefined);
    }
    partNow([client], [endpoints]);
    for (const stream of received) {
      expect(String(await stream.read())).toBe('bye');
      expect(await stream.read()).toBeNull();
    }
    expect(await server.closed).toMatchObject({ by: 'peer', reason: 'the process ends' });
  },
);
