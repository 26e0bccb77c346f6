import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

/** What one direction of a link has seen since the start. */
interface DirectionStats {
  readonly packetsIn: number;
  /** IP packets, headers included. */
  readonly bytesIn: number;
  readonly packetsOut: number;
  readonly bytesOut: number;
  readonly droppedQueue: number;
  readonly droppedLoss: number;
  readonly droppedCut: number;
  /** Packets that the other side's device refused. */
  readonly errors: number;
  /** Waiting now. */
  readonly queuedBytes: number;
  /** How late packets came out, against the emulator's own schedule. */
  readonly meanLateMs: number;
  readonly maxLateMs: number;
}

export interface LabLinkStats {
  readonly up: DirectionStats;
  readonly down: DirectionStats;
}

export interface LabStats {
  /** When, as `process.hrtime` counts, milliseconds. */
  readonly atMs: number;
  readonly links: readonly LabLinkStats[];
}

interface Reply {
  readonly at: number;
  readonly error?: string;
  readonly links?: readonly LabLinkStats[];
}

interface Waiting {
  readonly command: string;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

/** The process that carries the packets (native/links.c): commands in, replies out, in order. */
export class LinkEmulator {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting: Waiting[] = [];
  readonly #ended: Promise<void>;
  #hasEnded = false;

  private constructor(program: string, args: readonly string[]) {
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdin.on('error', () => undefined);
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#onLine(line));
    this.#ended = new Promise((resolve) => {
      const end = (why: string): void => {
        this.#hasEnded = true;
        for (const { command, reject } of this.#waiting.splice(0)) {
          reject(new Error(`the link emulator ended (${why}) before it answered "${command}"`));
        }
        resolve();
      };
      this.#child.once('error', (error) => end(error.message));
      this.#child.once('exit', (code, signal) => end(signal ?? `status ${code ?? 'unknown'}`));
    });
  }

  /** Opens the devices in both namespaces. @throws Error when it ended instead. */
  static async start(program: string, args: readonly string[]): Promise<LinkEmulator> {
    const emulator = new LinkEmulator(program, args);
    await emulator.#reply('start');
    return emulator;
  }

  /** Milliseconds on `process.hrtime` when the command took effect. @throws Error when it did not. */
  async command(command: string): Promise<number> {
    return (await this.#send(command)).at;
  }

  async stats(): Promise<LabStats> {
    const { at, links } = await this.#send('stats');
    return { atMs: at, links: links ?? [] };
  }

  /** Ends the process, which takes the namespaces away. */
  async stop(): Promise<void> {
    if (!this.#hasEnded) this.#child.stdin.end('quit\n');
    await this.#ended;
    if (!this.#child.stdout.destroyed) await once(this.#child.stdout, 'close');
  }

  #send(command: string): Promise<Reply> {
    if (this.#hasEnded) return Promise.reject(new Error('the link emulator has ended'));
    this.#child.stdin.write(`${command}\n`);
    return this.#reply(command);
  }

  #reply(command: string): Promise<Reply> {
    return new Promise((resolve, reject) => this.#waiting.push({ command, resolve, reject }));
  }

  #onLine(line: string): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) return;
    const reply = JSON.parse(line) as Reply;
    if (reply.error === undefined) waiting.resolve(reply);
    else waiting.reject(new Error(`the link emulator says "${reply.error}" to "${waiting.command}"`));
  }
}
