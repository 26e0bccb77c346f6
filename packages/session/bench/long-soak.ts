/**
 * `pnpm soak --hours N`: two processes that work for hours, as a server does: sessions come, ask and go, one stays; paths come and go.
 * Every byte is compared, and neither process may grow by the hour, in memory or handles. Exit status 1 if one does.
 */
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { dial, listen, type ServerSession, type Session, type Stream } from '@kwik/session';
import { slopePerHour, type Sample } from './slope.js';

/** Collected before each look, so that what is seen is held by something. */
const LOOK_MS = 10_000;
const MB = 1e6;
/** By the hour; the rest is what a table grows by until it is full. */
const MOST = { heapMB: 3, rssMB: 15, handles: 1 };
const SHORT_SESSIONS = 8;
/** A machine that does much else is slow; what takes longer has stopped. */
const ANSWER_MS = 180_000;
const BULK_BYTES = 4 * MB;
const BETWEEN_ROUNDS_MS = 500;
/** Shorter runs only warm up: their slopes are shown, and not judged. */
const LEAST_HOURS = 0.4;

/** What a process holds. */
export interface Look {
  readonly heapMB: number;
  readonly rssMB: number;
  /** Descriptors, timers, sockets and whatever else keeps a process alive. */
  readonly handles: number;
}

type Looks = { readonly hours: number; readonly look: Look }[];

export function lookNow(): Look {
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  // The folder itself is open while it is read.
  const descriptors = process.platform === 'linux' ? readdirSync('/proc/self/fd').length - 1 : 0;
  return {
    heapMB: (heapUsed + external) / MB,
    rssMB: rss / MB,
    handles: descriptors + process.getActiveResourcesInfo().length,
  };
}

/** Sends back what each stream brings, until the parent goes. */
export async function serveForHours(told: (message: { port?: number; look?: Look }) => void): Promise<void> {
  const [one, other] = [await listen({}), await listen({})];
  for (const listener of [one, other]) void answerAll(listener);
  told({ port: one.address().port });
  const beside = `127.0.0.1:${other.address().port}`;
  process.on('message', () => told({ look: lookNow() }));
  // Sessions that last have another path for a while, again and again.
  async function answerAll(listener: typeof one): Promise<void> {
    for await (const session of listener) void answer(session, listener === one ? beside : undefined);
  }
}

async function answer(session: ServerSession, beside: string | undefined): Promise<void> {
  try {
    for (let streams = 1; ; streams++) {
      void echo(await session.acceptStream());
      if (beside !== undefined && streams % 4 === 0) void changePath(session, beside);
    }
  } catch {
    // The session has ended.
  }
}

/** A path that does not come in time, on a machine that does much else, is no reason to answer nobody. */
async function changePath(session: ServerSession, beside: string): Promise<void> {
  try {
    const { id } = await session.addPath(beside);
    await session.removePath(id);
  } catch (error) {
    if (session.getActivePaths().length > 0) console.error(`a path was not changed: ${String(error)}`);
  }
}

async function echo(stream: Stream): Promise<void> {
  try {
    for await (const chunk of stream) await stream.write(chunk);
    await stream.close();
  } catch {
    // The client is gone.
  }
}

/** Rejects when the answer does not come in time, or is another. */
async function ask(session: Session, bytes: Uint8Array): Promise<void> {
  const late = new AbortController();
  const tooLate = sleep(ANSWER_MS, undefined, { signal: late.signal }).then(() => {
    throw new Error(`no answer in ${ANSWER_MS / 1000} s; active paths: ${session.getActivePaths().length}`);
  });
  tooLate.catch(() => undefined);
  try {
    await Promise.race([exchange(session, bytes), tooLate]);
  } finally {
    late.abort();
  }
}

async function exchange(session: Session, bytes: Uint8Array): Promise<void> {
  const stream = session.openStream();
  const asking = stream.write(bytes).then(() => stream.close());
  const parts: Uint8Array[] = [];
  for await (const chunk of stream) parts.push(chunk);
  await asking;
  if (!Buffer.concat(parts).equals(bytes)) throw new Error('other bytes came back than were sent');
}

/** Resolves with whether all was well. */
export async function workForHours(
  hours: number,
  port: number,
  pattern: Buffer,
  lookAtServer: () => Promise<Look>,
): Promise<boolean> {
  const startMs = performance.now();
  const passed = (): number => (performance.now() - startMs) / 3_600_000;
  const looks: Record<'client' | 'server', Looks> = { client: [], server: [] };
  const staying = await dial({ host: '127.0.0.1', port });
  let [rounds, sessions, lookMs] = [0, 1, performance.now()];
  while (passed() < hours) {
    await ask(staying, pattern.subarray(rounds % 1000, (rounds % 1000) + BULK_BYTES));
    for (let index = 0; index < SHORT_SESSIONS; index++) {
      const session = await dial({ host: '127.0.0.1', port });
      await ask(session, pattern.subarray(index, index + 1000));
      await session.close();
      sessions++;
    }
    rounds++;
    if (performance.now() >= lookMs) {
      looks.client.push({ hours: passed(), look: lookNow() });
      looks.server.push({ hours: passed(), look: await lookAtServer() });
      lookMs += LOOK_MS;
    }
    await sleep(BETWEEN_ROUNDS_MS);
  }
  await staying.close();
  const { slopes, grows } = slopesOf(looks);
  const judged = hours >= LEAST_HOURS;
  const gigabytes = (2 * rounds * BULK_BYTES) / 1e9;
  console.log(
    JSON.stringify({ hours, rounds, sessions, gigabytes, looks: looks.client.length, slopes, judged, grows }),
  );
  return !judged || grows.length === 0;
}

/** By the hour, and what of it is too much. */
function slopesOf(looks: Readonly<Record<'client' | 'server', Looks>>): { slopes: object; grows: string[] } {
  const grows: string[] = [];
  const slopes: Record<string, Record<string, number | null>> = {};
  for (const end of ['client', 'server'] as const) {
    const own = (slopes[end] = {} as Record<string, number | null>);
    for (const what of ['heapMB', 'rssMB', 'handles'] as const) {
      const samples = looks[end].map(({ hours, look }): Sample => ({ hours, value: look[what] }));
      const slope = slopePerHour(samples);
      own[what] = slope === undefined ? null : Math.round(slope * 100) / 100;
      if (slope !== undefined && slope > MOST[what])
        grows.push(`${what} of the ${end}: ${slope.toFixed(2)} an hour, ${MOST[what]} at the most`);
    }
  }
  return { slopes, grows };
}
