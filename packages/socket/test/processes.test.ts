import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, expect, test } from '@jest/globals';
import { pause } from '@kwik/testbed';
import net, { type Socket } from '@kwik/socket';

const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const TSCONFIG = fileURLToPath(new URL('../../../tsconfig.tests.json', import.meta.url));
/** Of a peer that was killed. */
const KILLED_WITHIN_MS = 20_000;
/** Of one that said so: on a machine that does much else, and long before silence would tell. */
const TOLD_WITHIN_MS = 8_000;

const children: ChildProcess[] = [];
const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

function start(program: string, ...args: string[]): ChildProcess {
  const file = fileURLToPath(new URL(`programs/${program}.ts`, import.meta.url));
  const env = { ...process.env, TSX_TSCONFIG_PATH: TSCONFIG };
  const child = spawn(process.execPath, ['--import', TSX, file, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  return child;
}

/** What a server here sees of a client that ends in this way. */
async function seenOf(way: string): Promise<{ events: string[]; bytes: number; closedAfterMs: number }> {
  let seen!: (socket: Socket) => void;
  const arrived = new Promise<Socket>((done) => (seen = done));
  const server = net.createServer(seen).listen(0);
  cleanups.push(() => new Promise((done) => server.close(done)));
  await once(server, 'listening');
  const child = start('client', String(server.address()!.port), way);
  const exited = once(child, 'exit');
  const socket = await arrived;
  const events: string[] = [];
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => (bytes += chunk.length));
  for (const event of ['end', 'error', 'close']) {
    socket.on(event, (what?: unknown) =>
      events.push(`${event} ${String((what as Error | undefined)?.message ?? what)}`),
    );
  }
  const closed = new Promise((done) => socket.once('close', done));
  await exited;
  const startMs = performance.now();
  await closed;
  return { events, bytes, closedAfterMs: performance.now() - startMs };
}

test.each([
  ['destroy', ['end undefined', 'close false'], 3],
  ['exit', ['end undefined', 'close false'], 3],
  ['end', ['end undefined', 'close false'], 3_000_000],
  ['unref', ['end undefined', 'close false'], 3],
  ['reset', ['error read ECONNRESET', 'close true'], 0],
])('a client that goes by %s has told its peer', async (way, events, bytes) => {
  const seen = await seenOf(way);
  expect(seen).toMatchObject({ events, bytes });
  expect(seen.closedAfterMs).toBeLessThan(TOLD_WITHIN_MS);
});

test('a peer that is killed ends its sockets within 20 s', async () => {
  const seen = await seenOf('kill');
  expect(seen.events).toEqual(['error read ETIMEDOUT', 'close true']);
  expect(seen.closedAfterMs).toBeLessThan(KILLED_WITHIN_MS);
}, 40_000);

test('a server that is unref’d holds no process; one that listens does, until it is closed', async () => {
  const idle = start('server', 'unref');
  expect(await once(idle, 'exit')).toEqual([0, null]);
  const busy = start('server', 'ref');
  await once(busy.stdout!, 'data');
  await pause(500);
  expect(busy.exitCode).toBeNull();
  busy.kill('SIGTERM');
  expect(await once(busy, 'exit')).toEqual([0, null]);
});

test('a server that was killed and started again is connected to at once, whatever the pool remembers', async () => {
  const first = start('server', 'ref');
  const port = Number(String((await once(first.stdout!, 'data'))[0]));
  const before = net.connect(port);
  before.on('error', () => undefined);
  await once(before, 'connect');
  first.kill('SIGKILL');
  await once(first, 'exit');
  const second = start('server', 'ref', String(port));
  await once(second.stdout!, 'data');
  const startMs = performance.now();
  const after = net.connect(port);
  after.end('hello');
  const chunks: Buffer[] = [];
  for await (const chunk of after) chunks.push(chunk as Buffer);
  expect(String(Buffer.concat(chunks))).toBe('hello');
  expect(performance.now() - startMs).toBeLessThan(TOLD_WITHIN_MS);
  before.resetAndDestroy();
});

test.each(['node', 'kwik'])('a listener that throws loses nothing of what comes after it, over %s', async (which) => {
  const child = start('throwing-listener', which);
  let printed = '';
  child.stdout!.on('data', (text: Buffer) => (printed += text.toString()));
  await once(child, 'exit');
  expect(printed).toBe('the listener throws 6\n');
});
