import { once } from 'node:events';
import { afterEach, expect, test } from '@jest/globals';
import { pause } from '@kwik/testbed';
import net, { type Server, type Socket } from '@kwik/socket';

const MIB = 1024 * 1024;
/** What real programs do; each of them is to take less than 20 s, 200 MB, too, on a machine that does nothing else. */
const PAUSED_BYTES = 2 * MIB;
const PAUSE_MS = 20;
const BULK_MIB = 50;
const CALLBACKS = 500_000;
const SOCKETS = 1000;
const WITHIN_MS = 20_000;

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((done) => server.close(done));
});

async function serving(onSocket: (socket: Socket) => void): Promise<Server> {
  const server = net.createServer(onSocket).listen(0);
  servers.push(server);
  await once(server, 'listening');
  return server;
}

function closed(socket: Socket): Promise<unknown> {
  return new Promise((done) => socket.once('close', done));
}

test('a reader that pauses after each chunk gets large ones', async () => {
  const server = await serving((socket) => socket.end(Buffer.alloc(PAUSED_BYTES)));
  const startMs = performance.now();
  const socket = net.connect(server.address()!.port);
  socket.on('data', () => {
    socket.pause();
    void pause(PAUSE_MS).then(() => socket.resume());
  });
  await closed(socket);
  expect(socket.bytesRead).toBe(PAUSED_BYTES);
  expect(performance.now() - startMs).toBeLessThan(WITHIN_MS);
}, 60_000);

test('50 MB, with backpressure', async () => {
  let came = 0;
  const server = await serving((socket) => socket.on('data', (chunk: Buffer) => (came += chunk.length)));
  const startMs = performance.now();
  const socket = net.connect(server.address()!.port).resume();
  const piece = Buffer.alloc(MIB);
  for (let count = 0; count < BULK_MIB; count += 1) if (!socket.write(piece)) await once(socket, 'drain');
  socket.end();
  await closed(socket);
  expect(came).toBe(BULK_MIB * MIB);
  expect(performance.now() - startMs).toBeLessThan(WITHIN_MS);
}, 60_000);

test('500,000 callbacks of writes come in order', async () => {
  const server = await serving((socket) => socket.resume());
  const startMs = performance.now();
  const socket = net.connect(server.address()!.port).resume();
  let called = 0;
  let inOrder = true;
  for (let count = 0; count < CALLBACKS; count += 1) {
    socket.write('x', () => {
      inOrder &&= called === count;
      called += 1;
    });
  }
  socket.end();
  await closed(socket);
  expect([called, inOrder, socket.bytesWritten]).toEqual([CALLBACKS, true, CALLBACKS]);
  expect(performance.now() - startMs).toBeLessThan(WITHIN_MS);
}, 60_000);

test('1,000 sockets that are opened and closed in all ways leave nothing behind', async () => {
  let count = 0;
  const server = await serving((socket) => {
    socket.on('error', () => undefined).resume();
    count += 1;
    if (count % 7 === 0) socket.destroy();
    else if (count % 7 === 1) socket.resetAndDestroy();
    else if (count % 7 === 2) socket.end('x');
  });
  const { port } = server.address()!;
  await Promise.all(
    Array.from({ length: SOCKETS }, (_, index) => {
      const socket = net.connect(port);
      socket.on('error', () => undefined).resume();
      if (index % 5 === 0) socket.destroy();
      else if (index % 5 === 1) socket.end('bye');
      else if (index % 5 === 2) socket.on('connect', () => socket.resetAndDestroy());
      else void pause(index % 200).then(() => socket.destroy());
      return closed(socket);
    }),
  );
  const deadlineMs = performance.now() + 5000;
  while (server._connections > 0 && performance.now() < deadlineMs) await pause(20);
  expect(server._connections).toBe(0);
}, 60_000);
