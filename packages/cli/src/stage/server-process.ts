import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { KwikError } from '@kwik/wire';
import { z } from 'zod';
import type { CliIo } from '../io.js';
import { setDiskFull } from './full-disk.js';
import { shortOfMemory } from './short-memory.js';
import { wrongClock } from './wrong-clock.js';

/** A server that has not said where it listens by then will not. */
const START_TIMEOUT_MS = 20_000;

const listeningSchema = z.object({ event: z.literal('listening'), address: z.string() });

/** What is wrong with the process. */
export interface Ailments {
  /** How far its wall clock is ahead, milliseconds. Default: 0. */
  readonly clockAheadMs?: number;
  /** Megabytes of its heap that are free. Default: as many as Node has. */
  readonly freeMemoryMb?: number;
}

interface ServerProcessOptions extends Ailments {
  /** What it serves. */
  readonly folder: string;
  /** Its KWIK_DATA_DIR. */
  readonly dataFolder: string;
  readonly peers: readonly string[];
  /** `host:port`. Default: a free port of 127.0.0.1. */
  readonly listen?: string;
  /** A folder in which it keeps an audit log and qlogs. Default: it keeps none. */
  readonly records?: string;
}

/** `kwik serve` in a process of its own. It ends by itself when this process does: its standard input closes. */
export class ServerProcess {
  readonly #io: CliIo;
  readonly #options: ServerProcessOptions;
  readonly #child: ChildProcess;
  /** `host:port`. */
  readonly address: string;

  private constructor(io: CliIo, options: ServerProcessOptions, child: ChildProcess, address: string) {
    this.#io = io;
    this.#options = options;
    this.#child = child;
    this.address = address;
  }

  /** Rejects with ERR_KWIK_CONNECT_FAILED when it ends before it listens. */
  static async start(io: CliIo, started: ServerProcessOptions): Promise<ServerProcess> {
    const { folder, dataFolder, peers, listen = '127.0.0.1:0', records, clockAheadMs = 0, freeMemoryMb } = started;
    const [program = process.execPath, ...script] = io.self;
    const clock = clockAheadMs === 0 ? [] : ['--import', wrongClock(clockAheadMs)];
    const memory = freeMemoryMb === undefined ? [] : shortOfMemory(freeMemoryMb);
    const kept = records === undefined ? [] : ['--audit', join(records, 'audit.log'), '--qlog', join(records, 'qlog')];
    const named = peers.flatMap((peer) => ['--peer', peer]);
    const options = ['--listen', listen, '--json', '--until-stdin-ends', ...kept, ...named];
    const child = spawn(program, [...clock, ...memory, ...script, 'serve', folder, ...options], {
      env: { ...process.env, KWIK_DATA_DIR: dataFolder },
      // The log of a server is no part of the show, but its last words are, when it cannot start.
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS);
    try {
      return new ServerProcess(io, started, child, await firstAddress(child));
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** At once, without a word to anybody. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Nothing of it runs, until `resume`. */
  suspend(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  /** No file takes what it writes any more, until it is called with false. Rejects when it has ended. */
  async diskFull(full: boolean): Promise<void> {
    if (this.#child.pid !== undefined) await setDiskFull(this.#child.pid, full);
  }

  /** Another one at the same address, when this one has ended: well, or with what is wrong with it. */
  async again(ailments: Ailments = {}): Promise<ServerProcess> {
    if (!this.#ended) await once(this.#child, 'exit');
    const { clockAheadMs: _clock, freeMemoryMb: _memory, ...own } = this.#options;
    return ServerProcess.start(this.#io, { ...own, ...ailments, listen: this.address });
  }

  get #ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async stop(): Promise<void> {
    if (this.#ended) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    // A process that is suspended hears of it only then.
    this.#child.kill('SIGCONT');
    this.#child.stdin?.destroy();
    const timer = setTimeout(() => this.kill(), START_TIMEOUT_MS);
    await ended;
    clearTimeout(timer);
  }
}

async function firstAddress(child: ChildProcess): Promise<string> {
  const { stdout } = child;
  if (stdout === null) throw new KwikError('ERR_KWIK_INTERNAL', 'a server without standard output');
  const lines = createInterface({ input: stdout });
  const failed = once(child, 'error').then(([error]) => Promise.reject(KwikError.from(error)));
  for await (const line of withFailure(lines, failed)) {
    const said = listeningSchema.safeParse(parseJson(line));
    if (!said.success) continue;
    // Nobody reads the rest, but it must not fill the pipe.
    stdout.resume();
    return said.data.address;
  }
  throw new KwikError('ERR_KWIK_CONNECT_FAILED', 'a server ended before it listened');
}

async function* withFailure(lines: AsyncIterable<string>, failed: Promise<never>): AsyncGenerator<string> {
  const iterator = lines[Symbol.asyncIterator]();
  for (;;) {
    const next = await Promise.race([iterator.next(), failed]);
    if (next.done === true) return;
    yield next.value;
  }
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
