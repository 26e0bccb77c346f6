import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Calls, type Message, type Question, USAGE_CALL, type Usage } from './child.js';

/** Long enough for a gigabyte on a slow machine; a hung run shall still end by itself. */
const CALL_TIMEOUT_MS = 180_000;
/** For a child to write its profile after it was told to end. */
const END_TIMEOUT_MS = 10_000;

export interface ChildrenOptions {
  /** Folder for CPU profiles, one of each child. Default: none. */
  readonly cpuProfileFolder: string | undefined;
}

export interface StartOptions {
  /** Name in messages and in the file name of the profile. */
  readonly label: string;
  /** Flags of node, `--expose-gc` say. */
  readonly nodeFlags?: readonly string[];
  /** A command to start the process through: `['ip', 'netns', 'exec', 'client']`. */
  readonly through?: readonly string[];
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Drops what the child writes to stderr. */
  readonly quiet?: boolean;
  /** Gets what the child tells unasked (`tellParent`). */
  readonly onTold?: (value: unknown) => void;
}

interface Waiting {
  readonly name: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** Names of calls, and the task and answer of each. */
type Task<C extends Calls, K extends keyof C> = Parameters<C[K]>[0];
type Answer<C extends Calls, K extends keyof C> = Awaited<ReturnType<C[K]>>;

/**
 * Child processes of one measurement, with a data folder of their own (development credentials): `await using` it, and
 * all end and the folder goes, whatever happens.
 */
export class Children implements AsyncDisposable {
  /** KWIK_DATA_DIR of all children. */
  readonly dataFolder = mkdtempSync(join(tmpdir(), 'kwik-bench-'));
  readonly #handles: ChildHandle<Calls>[] = [];
  readonly #removeFolder = (): void => rmSync(this.dataFolder, { recursive: true, force: true });

  readonly #options: ChildrenOptions;

  constructor(options: ChildrenOptions) {
    this.#options = options;
    process.once('exit', this.#removeFolder);
  }

  /** Forks a compiled file that calls `answerParent`: `start<typeof calls>(new URL('./server.js', import.meta.url), …)`. */
  start<C extends Calls>(file: URL, options: StartOptions): ChildHandle<C> {
    const [command, ...rest] = [...(options.through ?? []), process.execPath];
    const child = fork(fileURLToPath(file), [], {
      execPath: command,
      execArgv: [...rest, ...(options.nodeFlags ?? []), ...this.#profiling(options.label)],
      env: { ...process.env, KWIK_DATA_DIR: this.dataFolder, ...options.env },
      stdio: ['ignore', 'inherit', options.quiet === true ? 'ignore' : 'inherit', 'ipc'],
      serialization: 'advanced',
    });
    const handle = new ChildHandle<C>(child, options.label, options.onTold);
    this.#handles.push(handle);
    return handle;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#handles.map((handle) => handle.end()));
    process.off('exit', this.#removeFolder);
    this.#removeFolder();
  }

  #profiling(label: string): string[] {
    const folder = this.#options.cpuProfileFolder;
    if (folder === undefined) return [];
    const name = `${label.replace(/[^\w.-]+/g, '-')}-${Date.now()}-${this.#handles.length}.cpuprofile`;
    return ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${name}`];
  }
}

/** One child process, and what can be asked of it. */
export class ChildHandle<C extends Calls> {
  readonly #waiting = new Map<number, Waiting>();
  readonly #gone: Promise<void>;
  #ended: string | undefined;
  #lastId = 0;

  readonly #child: ChildProcess;
  readonly #label: string;
  readonly #onTold: ((value: unknown) => void) | undefined;

  constructor(child: ChildProcess, label: string, onTold: ((value: unknown) => void) | undefined) {
    this.#child = child;
    this.#label = label;
    this.#onTold = onTold;
    child.on('message', (message) => this.#receive(message as Message));
    this.#gone = new Promise((resolve) => {
      child.once('error', (error) => this.#lost(`cannot be started: ${error.message}`, resolve));
      child.once('exit', (code, signal) => this.#lost(`ended with ${signal ?? `status ${code ?? '?'}`}`, resolve));
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Asks the child; rejects with its error, when it ends before it answers, and after `timeoutMs` (three minutes). */
  call<K extends keyof C & string>(name: K, task: Task<C, K>, timeoutMs = CALL_TIMEOUT_MS): Promise<Answer<C, K>> {
    return this.#ask(name, task, timeoutMs) as Promise<Answer<C, K>>;
  }

  usage(): Promise<Usage> {
    return this.#ask(USAGE_CALL, undefined, CALL_TIMEOUT_MS) as Promise<Usage>;
  }

  /** For paths that shall die with their server: no goodbye, no profile. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Resolves when the process is gone. */
  async end(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.kill(), END_TIMEOUT_MS);
    await this.#gone;
    clearTimeout(timer);
  }

  #ask(name: string, task: unknown, timeoutMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(new Error(`${this.#label} ${this.#ended} before '${name}' was asked`));
        return;
      }
      const id = (this.#lastId += 1);
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new Error(`${this.#label} did not answer '${name}' within ${timeoutMs / 1000} s`));
      }, timeoutMs);
      this.#waiting.set(id, { name, resolve, reject, timer });
      // A failure to send shows as the child's end.
      this.#child.send({ id, name, task } satisfies Question, () => undefined);
    });
  }

  #receive(message: Message): void {
    if ('told' in message) {
      this.#onTold?.(message.told);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    if (waiting === undefined) return;
    this.#waiting.delete(message.id);
    clearTimeout(waiting.timer);
    if ('failure' in message) waiting.reject(new Error(`${this.#label}, '${waiting.name}': ${message.failure}`));
    else waiting.resolve(message.value);
  }

  #lost(how: string, done: () => void): void {
    this.#ended = how;
    for (const { name, reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new Error(`${this.#label} ${how} before it answered '${name}'`));
    }
    this.#waiting.clear();
    done();
  }
}
