import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const TSX = fileURLToPath(import.meta.resolve('tsx'));
const MAX_OUTPUT_CHARACTERS = 200_000;

/** What a process under attack says of itself, four times a second. */
export interface Vitals {
  readonly residentBytes: number;
  /** Longest time that its loop of events stood still. */
  readonly lagMs: number;
}

export interface ChildOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Modules loaded before the program. */
  readonly preload?: readonly string[];
  readonly args?: readonly string[];
  /** What says where `@kwik/*` is. */
  readonly tsconfig: string;
}

/** A TypeScript program in a process of its own, with a channel for messages. */
export class Child {
  readonly process: ChildProcess;
  readonly vitals: Vitals[] = [];
  #output = '';
  readonly #messages: unknown[] = [];
  #wake: () => void = () => undefined;

  /** `program`: a file, absolute or relative to the root of the checkout. */
  constructor(program: string, options: ChildOptions) {
    const modules = [TSX, ...(options.preload ?? []).map((file) => `${ROOT}${file}`)];
    const args = [...modules.flatMap((file) => ['--import', file]), resolve(ROOT, program), ...(options.args ?? [])];
    this.process = spawn(process.execPath, args, {
      env: { ...process.env, TSX_TSCONFIG_PATH: resolve(ROOT, options.tsconfig), NO_COLOR: '1', ...options.env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-MAX_OUTPUT_CHARACTERS);
        this.#wake();
      });
    }
    this.process.on('message', (message) => this.#take(message));
    this.process.on('exit', () => this.#wake());
  }

  get output(): string {
    return this.#output;
  }

  get ended(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  /** How it ended, in words. */
  get ending(): string {
    if (!this.ended) return 'alive';
    return `ended with ${this.process.signalCode ?? `status ${this.process.exitCode}`}`;
  }

  get maxResidentMb(): number {
    return Math.max(0, ...this.vitals.map(({ residentBytes }) => residentBytes / 1e6));
  }

  get residentMb(): number {
    return (this.vitals.at(-1)?.residentBytes ?? 0) / 1e6;
  }

  /** The next message, or the first that came already. Rejects when the process ends, or nothing comes in time. */
  async message<T>(timeoutMs = 30_000): Promise<T> {
    const deadline = performance.now() + timeoutMs;
    while (this.#messages.length === 0) {
      const left = deadline - performance.now();
      if (this.ended || left <= 0) throw new Error(`a process of the scene ${this.ending}:\n${this.#output}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.#messages.shift() as T;
  }

  send(message: object): void {
    if (!this.ended) this.process.send(message);
  }

  /** Waits for it to end by itself; kills it after `timeoutMs`. Its exit status, or -1. */
  async end(timeoutMs: number): Promise<number> {
    const timer = setTimeout(() => this.process.kill('SIGKILL'), timeoutMs);
    if (!this.ended) await once(this.process, 'exit');
    clearTimeout(timer);
    return this.process.exitCode ?? -1;
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    if (!this.ended) await once(this.process, 'exit');
  }

  #take(message: unknown): void {
    if (isVitals(message)) this.vitals.push(message.vitals);
    else this.#messages.push(message);
    this.#wake();
  }
}

function isVitals(message: unknown): message is { readonly vitals: Vitals } {
  return typeof message === 'object' && message !== null && 'vitals' in message;
}
