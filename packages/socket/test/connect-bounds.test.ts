import { once } from 'node:events';
import { afterEach, expect, test } from '@jest/globals';
import { until } from '@kwik/testbed';
import net, { type Socket } from '@kwik/socket';
import { rawServer, TAKEN, type RawServer } from './raw-server.js';

const CONNECT_MS = 400;
const HERD = 40;

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serving(...args: Parameters<typeof rawServer>): Promise<RawServer> {
  const server = await rawServer(...args);
  cleanups.push(() => server.close());
  return server;
}

function connecting(...args: Parameters<typeof net.connect>): Socket {
  const socket = net.connect(...args);
  cleanups.push(() => socket.on('error', () => undefined).destroy());
  return socket;
}

async function connected(port: number, kwik?: object): Promise<Socket> {
  const socket = connecting({ port, host: '127.0.0.1', kwik });
  await once(socket, 'connect');
  return socket;
}

test('a server that never answers is given up after connectMs, with the address', async () => {
  const { port } = await serving(() => undefined);
  const socket = connecting({ port, host: '127.0.0.1', kwik: { connectMs: CONNECT_MS } });
  const [error] = (await once(socket, 'error')) as [Error];
  expect(error).toMatchObject({ code: 'ETIMEDOUT', syscall: 'connect', address: '127.0.0.1', port });
  expect(error.message).toBe(`connect ETIMEDOUT 127.0.0.1:${port}`);
});

test('so is a name that is never resolved', async () => {
  const lookup = (() => undefined) as never;
  const socket = connecting({ port: 80, host: 'silent.example', lookup, kwik: { connectMs: CONNECT_MS } });
  expect((await once(socket, 'error'))[0]).toMatchObject({ code: 'ETIMEDOUT', address: 'silent.example' });
});

test('more sockets than a session has streams for are spread over several', async () => {
  const server = net.createServer({ kwik: { listen: { limits: { maxStreams: 4 } } } }, (socket) => socket.resume());
  server.listen(0, '127.0.0.1');
  cleanups.push(() => server.close());
  await once(server, 'listening');
  const { port } = server.address()!;
  const first = await Promise.all(Array.from({ length: 10 }, () => connected(port)));
  const later = await Promise.all(Array.from({ length: 10 }, () => connected(port)));
  expect([...first, ...later].every(({ connecting: still, destroyed }) => !still && !destroyed)).toBe(true);
});

test('many sockets that find their session without answer share the one that is dialled in its place', async () => {
  let answers = true;
  const server = await serving((stream, session) => (session > 0 || answers) && stream.write(TAKEN));
  await connected(server.port);
  answers = false;
  await Promise.all(Array.from({ length: HERD }, () => connected(server.port)));
  expect(server.sessions).toHaveLength(2);
});

test('a server that is none of sockets is told that its stream is of no use', async () => {
  const server = await serving((stream) => stream.write('?'));
  const socket = connecting(server.port, '127.0.0.1');
  expect((await once(socket, 'error'))[0]).toMatchObject({ code: 'ERR_KWIK_PROTOCOL_VIOLATION' });
  const [stream] = server.streams;
  await expect(
    (async () => {
      while ((await stream!.read()) !== null);
    })(),
  ).rejects.toMatchObject({ code: 'ERR_KWIK_STREAM_RESET' });
});

test('a socket that connects again mixes nothing of its former connection in, and leaves nothing of it behind', async () => {
  const seen: Socket[] = [];
  const server = net.createServer((socket) => {
    seen.push(socket.on('error', () => undefined));
    socket.write(`${seen.length}`);
  });
  server.listen(0, '127.0.0.1');
  cleanups.push(() => server.close());
  await once(server, 'listening');
  const { port } = server.address()!;
  const socket = await connected(port);
  expect(String((await once(socket, 'data'))[0])).toBe('1');
  socket.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  // What the first connection still brings is nobody's any more.
  seen[0]!.write('from before');
  expect(String((await once(socket, 'data'))[0])).toBe('2');
  expect(socket.bytesRead).toBe(1);
  seen[0]!.resume();
  await until(() => seen[0]!.destroyed);
});

test('a connection that a server has accepted counts once, also if its socket is used again', async () => {
  const server = net.createServer((socket) => {
    socket.destroy();
    socket.once('close', () => socket.connect(port, '127.0.0.1').once('connect', () => socket.destroy()));
  });
  const other = net.createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
  cleanups.push(
    () => server.close(),
    () => other.close(),
  );
  const { port } = other.address()!;
  server.listen(0, '127.0.0.1');
  await Promise.all([once(server, 'listening'), once(other, 'listening')]);
  const socket = connecting(server.address()!.port, '127.0.0.1').resume();
  await Promise.all([once(other, 'connection'), once(socket, 'close')]);
  await until(() => other._connections === 0);
  expect(server._connections).toBe(0);
});
