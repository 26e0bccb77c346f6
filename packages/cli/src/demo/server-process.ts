import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { KwikError } from '@kwik/wire';
import { z } from 'zod';
import type { CliIo } from '../io.js';

/** A server that has not said where it listens by then will not. */
const START_TIMEOUT_MS = 20_000;

const listeningSchema = z.object({ event: z.literal('listening'), address: z.string() });

/** `kwik serve` in a process of its own. It ends by itself when this process does: its standard input closes. */
export class ServerProcess {
  readonly #child: ChildProcess;
  /** `host:port`. */
  readonly address: string;

  private constructor(child: ChildProcess, address: string) {
    this.#child = child;
    this.address = address;
  }

  static async start(io: CliIo, folder: string, dataFolder: string, peers: readonly string[]): Promise<ServerProcess> {
    const [program, ...script] = io.self;
    const options = [
      '--listen',
      '127.0.0.1:0',
      '--json',
      '--until-stdin-ends',
      ...peers.flatMap((peer) => ['--peer', peer]),
    ];
    const child = spawn(program ?? process.execPath, [...script, 'serve', folder, ...options], {
      env: { ...process.env, KWIK_DATA_DIR: dataFolder },
      // The log of a server is no part of the demo, but its last words are, when it cannot start.
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS);
    try {
      return new ServerProcess(child, await firstAddress(child));
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** At once, without a word to anybody: what the demo is about. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
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
  throw new KwikError('ERR_KWIK_CONNECT_FAILED', 'a server of the demo ended before it listened');
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
