/** The client of the links' benches, in a process of its own: one run after another, as its parent tells it. */
import { dial, type Session, type Stream } from '@kwik/session';
import { answerParent, tellParent } from '../harness/child.js';
import { Pattern, PatternReader } from '../harness/pattern.js';
import { nowMs, RUNNING, type PathSample, type RunResult, type RunTask } from './messages.js';

/** Arrivals within a millisecond are one: the log stays short, and gaps stay what they are. */
const MERGE_MS = 1;

const pattern = new Pattern();
/** One run at a time. */
class Runner {
  #ended = new AbortController();

  run(task: RunTask): Promise<RunResult> {
    this.#ended = new AbortController();
    return run(task, this.#ended);
  }

  stop(): void {
    this.#ended.abort();
  }
}

const runner = new Runner();

export const calls = answerParent({
  run: (task: RunTask) => runner.run(task),
  /** Ends the run that goes on. */
  stop: () => runner.stop(),
});
export type ClientCalls = typeof calls;

async function run(task: RunTask, stop: AbortController): Promise<RunResult> {
  const cpu = process.cpuUsage();
  const startMs = nowMs();
  const deadline = setTimeout(() => stop.abort(), task.maxMs);
  const samples: PathSample[] = [];
  let session: Session | undefined;
  const timer = setInterval(() => {
    if (session !== undefined) samples.push(look(session));
  }, task.sampleMs);
  try {
    session = await dial(task.target, {
      trust: { ca: task.ca },
      paths: {
        resolve: (address) => task.via[address] ?? false,
        extra: task.extraPaths.map((address) => ({ address })),
      },
      signal: stop.signal,
    });
    readBesides(session).catch(() => undefined);
    const stream = session.openStream();
    await stream.write(`${JSON.stringify(task.request)}\n`);
    const read = await readAll(stream, task.maxBytes, stop.signal);
    const endMs = nowMs();
    samples.push(look(session));
    const paths = session.getAllPaths();
    if (read.bytes < task.maxBytes) stream.stopSending(0);
    const { user, system } = process.cpuUsage(cpu);
    return { startMs, endMs, ...read, samples, paths, cpuSeconds: (user + system) / 1e6 };
  } finally {
    clearTimeout(deadline);
    clearInterval(timer);
    await session?.close();
  }
}

/** Whatever the server writes in streams of its own. */
async function readBesides(session: Session): Promise<void> {
  for (;;) {
    const stream = await session.acceptStream();
    while ((await stream.read()) !== null);
  }
}

async function readAll(
  stream: Stream,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Pick<RunResult, 'bytes' | 'error' | 'arrivals'>> {
  const arrivals: Noted[] = [];
  const reader = new PatternReader(pattern);
  try {
    while (reader.bytes < maxBytes && !signal.aborted) {
      const chunk = await stream.read({ signal });
      if (chunk === null) break;
      reader.read(chunk);
      if (arrivals.length === 0) tellParent(RUNNING);
      note(arrivals, chunk.length);
    }
  } catch (error) {
    if (!signal.aborted) return { bytes: reader.bytes, error: String(error), arrivals };
  }
  return { bytes: reader.bytes, arrivals };
}

interface Noted {
  readonly atMs: number;
  bytes: number;
}

function note(arrivals: Noted[], bytes: number): void {
  const atMs = nowMs();
  const last = arrivals.at(-1);
  if (last !== undefined && atMs - last.atMs < MERGE_MS) last.bytes += bytes;
  else arrivals.push({ atMs, bytes });
}

function look(session: Session): PathSample {
  const paths = session.getAllPaths().map(({ id, address, state, rttMs, receivedBytes }) => ({
    id: Number(id),
    address,
    state,
    rttMs,
    receivedBytes,
  }));
  return { atMs: nowMs(), paths };
}
