import { createHash } from 'node:crypto';
import type { PathInfo, Session } from '@kwik/session';
import { KwikError } from '@kwik/wire';
import { abortable } from '../abortable.js';
import { download } from '../get/download.js';
import type { Sink } from '../get/sink.js';

/** What was read of a file in a while, over and over again where it is short. */
export interface Reading {
  /** Of content that came in order. */
  readonly bytes: number;
  /** From the first byte to the last. */
  readonly durationMs: number;
  /** From the request to the first byte. */
  readonly firstByteMs: number;
  /** Times that the whole file came, and matched its digest. */
  readonly wholeFiles: number;
  readonly paths: readonly PathReadingUnderLoad[];
}

export interface PathReadingUnderLoad {
  readonly path: PathInfo;
  /** Of content, without what came twice. */
  readonly bytes: number;
  /** The least time of an answer while nothing else was under way, and the median while the file came; null: no answer. */
  readonly idleRttMs: number | null;
  readonly loadedRttMs: number | null;
}

export interface ReadOptions {
  readonly path: string;
  readonly durationMs: number;
  readonly maxBytes: number;
  /** Longest wait for the next byte, and for an answer. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly now: () => number;
}

const ASK_EVERY_MS = 200;
const IDLE_QUESTIONS = 3;
/** What is kept of one path's answers; a run of a minute has 300. */
const MAX_ANSWERS = 1_000;

/** Reads one file over a session for as long as it is told, and asks over each path meanwhile. */
export async function readFor(session: Session, options: ReadOptions): Promise<Reading> {
  const answers = new Answers(session, options);
  for (let round = 0; round < IDLE_QUESTIONS; round++) await answers.ask('idle');
  const before = new Map(session.getAllPaths().map((path) => [path.id, path.receivedBytes]));
  const timer = setInterval(() => void answers.ask('loaded'), ASK_EVERY_MS);
  try {
    const read = await new Reader(session, options).run();
    return { ...read, paths: session.getAllPaths().map((path) => answers.of(path, before.get(path.id) ?? 0)) };
  } finally {
    clearInterval(timer);
  }
}

class Reader {
  readonly #session: Session;
  readonly #options: ReadOptions;
  /** Aborted when enough was read. */
  readonly #over = new AbortController();
  #bytes = 0;
  #wholeFiles = 0;
  #firstMs: number | undefined;
  #lastMs = 0;

  constructor(session: Session, options: ReadOptions) {
    this.#session = session;
    this.#options = options;
  }

  async run(): Promise<Omit<Reading, 'paths'>> {
    const { signal, now } = this.#options;
    const startedMs = now();
    const either = AbortSignal.any([signal, this.#over.signal]);
    try {
      while (!either.aborted) {
        const before = this.#bytes;
        await this.#once(either);
        this.#wholeFiles += 1;
        // Also a file that has become so: without a byte neither time nor size would end it.
        if (this.#bytes === before) throw new KwikError('ERR_KWIK_SOURCE_FAILED', `${this.#options.path} is empty`);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!this.#over.signal.aborted) throw error;
    } finally {
      this.#over.abort();
    }
    signal.throwIfAborted();
    const firstMs = this.#firstMs ?? startedMs;
    return {
      bytes: this.#bytes,
      durationMs: this.#lastMs - firstMs,
      firstByteMs: firstMs - startedMs,
      wholeFiles: this.#wholeFiles,
    };
  }

  #once(signal: AbortSignal): Promise<unknown> {
    const { path, timeoutMs, now } = this.#options;
    const context = { session: this.#session, signal, timeoutMs, now, onContent: this.#took.bind(this) };
    return abortable(download(path, nowhere(), context), signal);
  }

  #took(bytes: number): void {
    const { durationMs, maxBytes, now } = this.#options;
    this.#lastMs = now();
    this.#firstMs ??= this.#lastMs;
    this.#bytes += bytes;
    if (this.#bytes >= maxBytes || this.#lastMs - this.#firstMs >= durationMs) this.#over.abort();
  }
}

/** Nothing is kept. */
function nowhere(): Sink {
  const done = (): Promise<void> => Promise.resolve();
  return {
    open: () => Promise.resolve({ offset: 0, hash: createHash('sha256') }),
    begin: done,
    write: done,
    commit: done,
    suspend: done,
    discard: done,
    keptBytes: 0,
  };
}

/** How long each path takes to answer, idle and under load. */
class Answers {
  readonly #session: Session;
  readonly #options: ReadOptions;
  readonly #idle = new Map<number, number[]>();
  readonly #loaded = new Map<number, number[]>();
  #asking = false;

  constructor(session: Session, options: ReadOptions) {
    this.#session = session;
    this.#options = options;
  }

  /** One question for each path at a time. Never rejects. */
  async ask(when: 'idle' | 'loaded'): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    const into = when === 'idle' ? this.#idle : this.#loaded;
    const { timeoutMs } = this.#options;
    const questions = this.#session.getActivePaths().map(async ({ id }) => {
      const { rttMs } = await this.#session.pingPath(id, { timeoutMs });
      const times = into.get(id) ?? [];
      if (times.length < MAX_ANSWERS) times.push(rttMs);
      into.set(id, times);
    });
    await Promise.allSettled(questions);
    this.#asking = false;
  }

  of(path: PathInfo, before: number): PathReadingUnderLoad {
    const idle = this.#idle.get(path.id) ?? [];
    return {
      path,
      bytes: Math.max(0, path.receivedBytes - before),
      idleRttMs: idle.length === 0 ? null : Math.min(...idle),
      loadedRttMs: median(this.#loaded.get(path.id) ?? []),
    };
  }
}

function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? null;
}
