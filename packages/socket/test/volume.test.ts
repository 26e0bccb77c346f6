import { once } from 'node:events';
import { afterEach, expect, test } from '@jest/globals';
import { pause, SeededRandom } from '@kwik/testbed';
import net, { type Server, type Socket } from '@kwik/socket';

const MIB = 1024 * 1024;
/** What real programs do; each of them is to take less than 20 s, 200 MB, too, on a machine that does nothing else. */
const PAUSED_BYTES = 2 * MIB;
const PAUSE_MS = 20;
/** `KWIK_VOLUME=whole pnpm jest volume --selectProjects socket`; the gate has a quarter of it. */
const BULK_MIB = process.env['KWIK_VOLUME'] === 'whole' ? 200 : 50;
const CALLBACKS = 500_000;
const SOCKETS = 1000;
/** What takes time with the square of its size takes minutes. */
const WITHIN_MS = 60_000;

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
}, 120_000);

test('a large file, with backpressure', async () => {
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
}, 120_000);

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
}, 120_000);

/** The ways in which a socket goes, at either end. */
const WAYS: readonly ((socket: Socket) => unknown)[] = [
  (socket) => socket.destroy(),
  (socket) => socket.end('bye'),
  (socket) => socket.resetAndDestroy(),
  (socket) => socket.destroySoon(),
  (socket) => socket.destroy(new Error('mine')),
  (socket) => socket.write(Buffer.alloc(100_000), () => socket.destroy()),
];

test.each([1, 2])(
  '1,000 sockets that are opened and closed in random ways leave nothing behind (seed %i)',
  async (seed) => {
    const random = new SeededRandom(seed);
    const oneOf = <T>(values: readonly T[]): T => values[random.below(values.length)]!;
    const server = await serving((socket) => {
      socket.on('error', () => undefined).resume();
      if (random.chance(0.5)) oneOf(WAYS)(socket);
    });
    const { port } = server.address()!;
    await Promise.all(
      Array.from({ length: SOCKETS }, async () => {
        const socket = net.connect(port);
        const over = closed(socket.on('error', () => undefined).resume());
        const way = oneOf(WAYS);
        const when = random.float();
        if (when < 0.2) way(socket);
        else if (when < 0.6) socket.once('connect', () => way(socket));
        else void pause(200 * random.float()).then(() => way(socket));
        // A server that only ends leaves the rest to this end, whose own end may have been all.
        void pause(2000).then(() => socket.destroy());
        await over;
      }),
    );
    const deadlineMs = performance.now() + 5000;
    while (server._connections > 0 && performance.now() < deadlineMs) await pause(20);
    expect(server._connections).toBe(0);
  },
  60_000,
);
