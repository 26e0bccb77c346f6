/**
 * `pnpm soak [--gb N] [--pause SECONDS] [--packets-per-key N]`: one long transfer between two processes over loopback. Checks every byte, and
 * that neither process grows by more than 250 MB, also while the reader stops. Exit status 1 if it does.
 * `pnpm soak --hours N`: long-soak.ts.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { dial, listen, type SessionLimits } from '@kwik/session';
import { serveForHours, workForHours, type Look } from './long-soak.js';

const MAX_GROWTH_BYTES = 250e6;
const SAMPLE_MS = 100;
const CHUNK_BYTES = 65_536;
/** Prime, so that a piece at a wrong offset shows. */
const PERIOD_BYTES = 1_000_003;

interface Report {
  readonly port?: number;
  readonly rss?: number;
  readonly look?: Look;
}

function pattern(): Buffer {
  const bytes = Buffer.alloc(PERIOD_BYTES + CHUNK_BYTES);
  let state = 1;
  for (let index = 0; index < PERIOD_BYTES; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = state >>> 24;
  }
  bytes.copy(bytes, PERIOD_BYTES, 0, CHUNK_BYTES);
  return bytes;
}

async function serve(totalBytes: number, limits: SessionLimits): Promise<void> {
  const bytes = pattern();
  const listener = await listen({ limits });
  process.send!({ port: listener.address().port } satisfies Report);
  setInterval(() => process.send!({ rss: process.memoryUsage().rss } satisfies Report), SAMPLE_MS);
  const session = await listener.accept();
  const stream = await session.acceptStream();
  for (let at = 0; at < totalBytes; at += CHUNK_BYTES) {
    const from = at % PERIOD_BYTES;
    await stream.write(bytes.subarray(from, from + Math.min(CHUNK_BYTES, totalBytes - at)));
  }
  await stream.close();
  await session.closed;
  await listener.close();
  process.disconnect();
  process.exit(0);
}

async function fetch(
  server: ChildProcess,
  port: number,
  limits: SessionLimits,
  [totalBytes, pauseMs]: readonly [number, number],
): Promise<void> {
  const bytes = pattern();
  const session = await dial({ host: '127.0.0.1', port }, { limits });
  const stream = session.openStream();
  await stream.write('go');
  await sleep(SAMPLE_MS * 3);
  const startRss = process.memoryUsage().rss;
  let peakRss = startRss;
  let serverStart = 0;
  let serverPeak = 0;
  server.on('message', ({ rss = 0 }: Report) => {
    if (rss > 0 && serverStart === 0) serverStart = rss;
    serverPeak = Math.max(serverPeak, rss);
    peakRss = Math.max(peakRss, process.memoryUsage().rss);
  });
  const startMs = performance.now();
  let at = 0;
  let paused = false;
  for await (const chunk of stream) {
    for (let done = 0; done < chunk.length; ) {
      const from = (at + done) % PERIOD_BYTES;
      const length = Math.min(chunk.length - done, bytes.length - from);
      if (bytes.compare(chunk, done, done + length, from, from + length) !== 0) {
        throw new Error(`wrong bytes at offset ${at + done}`);
      }
      done += length;
    }
    at += chunk.length;
    if (!paused && pauseMs > 0 && at > totalBytes / 2) {
      paused = true;
      await sleep(pauseMs);
    }
  }
  const seconds = (performance.now() - startMs - pauseMs) / 1000;
  const [{ renewals = 0 } = {}] = session.getAllPaths();
  await session.close();
  const result = {
    bytes: at,
    whole: at === totalBytes,
    renewals,
    pauseSeconds: pauseMs / 1000,
    megabytesPerSecond: Math.round(at / seconds / 1e5) / 10,
    clientGrowthMB: Math.round((peakRss - startRss) / 1e6),
    serverGrowthMB: Math.round((serverPeak - serverStart) / 1e6),
  };
  console.log(JSON.stringify(result));
  const grown = Math.max(peakRss - startRss, serverPeak - serverStart) > MAX_GROWTH_BYTES;
  if (!result.whole || grown) process.exitCode = 1;
}

/** Whole numbers of periods, for pieces of some megabytes. */
function longPattern(): Buffer {
  const bytes = pattern().subarray(0, PERIOD_BYTES);
  return Buffer.concat(Array.from({ length: 6 }, () => bytes));
}

function lookAt(server: ChildProcess): Promise<Look> {
  return new Promise((resolve, reject) => {
    server.once('message', ({ look }: Report) => (look === undefined ? reject(new Error('no look')) : resolve(look)));
    server.send('look');
  });
}

const { values } = parseArgs({
  options: {
    gb: { type: 'string', default: '5' },
    pause: { type: 'string', default: '0' },
    'packets-per-key': { type: 'string', default: String(2 ** 23) },
    hours: { type: 'string' },
    role: { type: 'string', default: 'client' },
  },
});
const totalBytes = Math.round(Number(values.gb) * 1e9);
if (!(totalBytes > 0) || !(Number(values.pause) >= 0)) {
  console.error('soak: --gb takes a number above 0, --pause a number of seconds');
  process.exit(2);
}
const limits = { packetsPerKey: Number(values['packets-per-key']) };
const hours = values.hours === undefined ? undefined : Number(values.hours);
if (hours !== undefined && !(hours > 0 && hours <= 1000)) {
  console.error('soak: --hours takes a number above 0, up to 1,000');
  process.exit(2);
}
if (values.role === 'server' && hours !== undefined) {
  await serveForHours((message) => process.send?.(message));
  process.on('disconnect', () => process.exit(0));
} else if (values.role === 'server') {
  await serve(totalBytes, limits);
} else {
  const folder = await mkdtemp(join(tmpdir(), 'kwik-soak-'));
  process.env['KWIK_DATA_DIR'] = folder;
  const forServer = ['--role', 'server', '--gb', values.gb, '--packets-per-key', values['packets-per-key']];
  if (values.hours !== undefined) forServer.push('--hours', values.hours);
  const execArgv = [...process.execArgv, '--expose-gc'];
  const server = fork(import.meta.filename, forServer, { env: process.env, execArgv });
  try {
    const port = await new Promise<number>((resolve, reject) => {
      server.once('message', (report: Report) => resolve(report.port!));
      server.once('exit', () => reject(new Error('the server ended before it listened')));
    });
    if (hours === undefined) await fetch(server, port, limits, [totalBytes, Number(values.pause) * 1000]);
    else if (!(await workForHours(hours, port, longPattern(), () => lookAt(server)))) process.exitCode = 1;
  } finally {
    server.kill();
    await rm(folder, { recursive: true, force: true });
  }
}
