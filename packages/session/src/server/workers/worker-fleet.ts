import { fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { KwikError } from '@kwik/wire';
import type { WorkerEvent, WorkerFleet, WorkerFleetOptions, WorkerInfo } from '../../api/workers.js';
import { UserCallbacks } from '../../runtime/host/user-callbacks.js';
import { isFromWorker, Unread, type FromWorker, type SeatedWorker, type ToWorker } from './worker-messages.js';
import { WorkerNumbers } from './worker-numbers.js';

const MAX_WORKERS = 64;
/** Processes at once, for each that is wanted: those of three restarts may have sessions yet while others serve. */
const MAX_GENERATIONS = 4;
/** A day: what sessions may be given, and what a timer can wait for. */
const MAX_WAIT_OPTION_MS = 86_400_000;
const KEY_BYTES = 32;
const START_MS = 20_000;
const DRAIN_MS = 600_000;
const CLOSE_MS = 5000;
/** Over its time, a worker has this long to be gone before it is killed. */
const GRACE_MS = 4000;
const STATS_MS = 1000;
/** Before a worker that died is started again: doubling from the first wait, anew for one that lived a while. */
const FIRST_WAIT_MS = 100;
const MAX_WAIT_MS = 30_000;
const LIVED_MS = 10_000;

interface Worker {
  readonly worker: number;
  readonly child: ChildProcess;
  readonly startedMs: number;
  state: WorkerInfo['state'];
  handoverPort: number;
  readonly unread: Unread;
  /** Resolves when it has ended, and all that it sent has been taken. */
  readonly gone: Promise<string>;
}

/**
 * Starts processes that share one address, each with sockets and sessions of its own; one that dies takes its own sessions
 * with it, and another takes its place. Resolves when all of them listen. Linux alone. Rejects with ERR_KWIK_INVALID_ARGUMENT,
 * or ERR_KWIK_INVALID_STATE when a worker does not come to listen; what it wrote to stderr says why.
 */
export async function startWorkers(options: WorkerFleetOptions): Promise<WorkerFleet> {
  const { count } = options;
  if (!Number.isInteger(count) || count < 1 || count > MAX_WORKERS) {
    throw new KwikError(
      'ERR_KWIK_INVALID_ARGUMENT',
      `count is ${count}; it takes a whole number from 1 to ${MAX_WORKERS}`,
    );
  }
  requireTime('drainMs', options.drainMs);
  requireTime('startMs', options.startMs);
  const fleet = new Fleet(options);
  try {
    await fleet.open();
    return fleet;
  } catch (error) {
    await fleet.close({ timeoutMs: 0 });
    throw error;
  }
}

class Fleet implements WorkerFleet {
  readonly #options: WorkerFleetOptions;
  readonly #callbacks = new UserCallbacks();
  readonly #key = randomBytes(KEY_BYTES).toString('base64');
  readonly #workers = new Map<number, Worker>();
  readonly #numbers = new WorkerNumbers();
  readonly #waits = new Map<number, { ms: number; timer: NodeJS.Timeout }>();
  readonly #asked = new Map<number, (stats: unknown) => void>();
  #address: { address: string; port: number } | undefined;
  #question = 0;
  #restarting: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: WorkerFleetOptions) {
    this.#options = options;
  }

  get address(): { address: string; port: number } {
    return this.#address!;
  }

  async open(): Promise<void> {
    // The first one gets the port that all have.
    await this.#startNew();
    await Promise.all(Array.from({ length: this.#options.count - 1 }, () => this.#startNew()));
  }

  workers(): WorkerInfo[] {
    return [...this.#workers.values()].map(({ worker, child, state }) => ({ worker, pid: child.pid ?? 0, state }));
  }

  send(worker: number, message: unknown): boolean {
    const one = this.#workers.get(worker);
    return one?.child.connected === true && one.unread.send(one.child, { kwik: 'message', message });
  }

  async stats(): Promise<{ worker: number; stats: unknown }[]> {
    const serving = [...this.#workers.values()].filter(({ state }) => state !== 'starting');
    const answers = await Promise.all(serving.map((worker) => this.#ask(worker)));
    return answers.flatMap((stats, index) => (stats === undefined ? [] : [{ worker: serving[index]!.worker, stats }]));
  }

  restart(): Promise<void> {
    if (this.#closing !== undefined) {
      return Promise.reject(new KwikError('ERR_KWIK_INVALID_STATE', 'the workers are being ended'));
    }
    this.#restarting ??= this.#roll().finally(() => (this.#restarting = undefined));
    return this.#restarting;
  }

  async close({ timeoutMs = CLOSE_MS } = {}): Promise<void> {
    requireTime('timeoutMs', timeoutMs);
    this.#closing = this.#close(timeoutMs);
    await this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #roll(): Promise<void> {
    const most = MAX_GENERATIONS * this.#options.count;
    if (this.#workers.size + this.#options.count > most) {
      const draining = [...this.#workers.values()].filter(({ state }) => state === 'draining').length;
      throw new KwikError(
        'ERR_KWIK_LIMIT_EXCEEDED',
        `${draining} workers of earlier restarts have sessions yet, and ${most} processes are the most at once: ` +
          'restart when some are gone, or give sessions less time (drainMs)',
      );
    }
    const before = [...this.#workers.values()].filter(({ state }) => state === 'serving');
    for (const old of before) {
      if (this.#closing !== undefined) return;
      await this.#startNew();
      void this.#drain(old, this.#options.drainMs ?? DRAIN_MS);
    }
  }

  async #close(timeoutMs: number): Promise<void> {
    for (const { timer } of this.#waits.values()) clearTimeout(timer);
    await Promise.all([...this.#workers.values()].map((worker) => this.#drain(worker, timeoutMs)));
  }

  /** Resolves when it is gone; it is killed when it takes longer than it may. Once more: with less time, as far as it is less. */
  async #drain(one: Worker, timeoutMs: number): Promise<void> {
    if (one.state !== 'draining') {
      one.state = 'draining';
      this.#tellTable();
      this.#event('draining', one, 'its sessions have time to finish');
    }
    send(one.child, { kwik: 'drain', timeoutMs });
    const timer = setTimeout(() => one.child.kill('SIGKILL'), timeoutMs + GRACE_MS);
    await one.gone;
    clearTimeout(timer);
  }

  async #startNew(): Promise<void> {
    const number = this.#numbers.take();
    if (number === undefined) throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', 'all numbers of workers are in use');
    try {
      await this.#start(number);
    } catch (error) {
      this.#numbers.retire(number);
      throw error;
    }
  }

  /** Resolves when the worker listens. */
  async #start(worker: number): Promise<void> {
    const { script, args = [], execArgv, env, payload, startMs = START_MS } = this.#options;
    const child = fork(script, [...args], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      ...(execArgv !== undefined && { execArgv: [...execArgv] }),
      ...(env !== undefined && { env }),
    });
    const [startedMs, unread, gone] = [performance.now(), new Unread(), goneOf(child)];
    const one: Worker = { worker, child, startedMs, state: 'starting', handoverPort: 0, unread, gone };
    this.#workers.set(worker, one);
    const ready = new Promise<void>((resolve) => {
      child.on('message', (message) => {
        if (isFromWorker(message)) this.#take(one, message, resolve);
      });
    });
    const wantedPort = this.#options.port ?? 0;
    send(child, { kwik: 'seat', worker, key: this.#key, port: this.#address?.port ?? wantedPort, wantedPort, payload });
    const timer = setTimeout(() => child.kill('SIGKILL'), startMs);
    const failure = await Promise.race([ready.then(() => undefined), gone]);
    clearTimeout(timer);
    void gone.then((reason) => this.#onGone(one, reason));
    if (failure === undefined) return;
    throw new KwikError('ERR_KWIK_INVALID_STATE', `worker ${worker} does not listen: ${failure}`);
  }

  #take(one: Worker, message: FromWorker, ready: () => void): void {
    if (message.kwik === 'stats') {
      this.#asked.get(message.id)?.(message.stats);
      return;
    }
    if (message.kwik === 'message') {
      this.#callbacks.call('onMessage', this.#heard(one.worker), message.message);
      return;
    }
    const { address, port, handoverPort } = message;
    this.#address ??= { address, port };
    one.handoverPort = handoverPort;
    if (one.state === 'starting') one.state = 'serving';
    this.#event('started', one, `it serves ${address} port ${port}`);
    this.#tellTable();
    ready();
  }

  #heard(worker: number): ((message: unknown) => void) | undefined {
    const { onMessage } = this.#options;
    return onMessage === undefined ? undefined : (message) => onMessage(worker, message);
  }

  #onGone(one: Worker, reason: string): void {
    this.#workers.delete(one.worker);
    const drained = one.state === 'draining';
    this.#event(drained ? 'drained' : 'died', one, reason);
    if (drained) this.#numbers.retire(one.worker);
    // One that never served is started again by whoever started it, or not at all.
    else if (one.state === 'serving') this.#again(one.worker, performance.now() - one.startedMs);
    this.#tellTable();
  }

  /** Under the same number: it tells the clients of the one before that their connections are gone. */
  #again(worker: number, livedMs: number): void {
    if (this.#closing !== undefined) return;
    const before = livedMs < LIVED_MS ? this.#waits.get(worker)?.ms : undefined;
    const ms = before === undefined ? FIRST_WAIT_MS : Math.min(MAX_WAIT_MS, 2 * before);
    const begin = (): void => {
      if (this.#closing !== undefined) return;
      this.#start(worker).catch(() => this.#again(worker, 0));
    };
    this.#waits.set(worker, { ms, timer: setTimeout(begin, ms) });
  }

  #tellTable(): void {
    const workers = [...this.#workers.values()].flatMap(({ worker, handoverPort, state }): SeatedWorker[] => {
      return state === 'starting' ? [] : [{ worker, handoverPort, taking: state === 'serving' }];
    });
    for (const { child } of this.#workers.values())
      send(child, { kwik: 'table', workers, retired: this.#numbers.retired });
  }

  #ask({ child }: Worker): Promise<unknown> {
    const id = this.#question++;
    return new Promise((resolve) => {
      const done = (stats: unknown): void => {
        clearTimeout(timer);
        this.#asked.delete(id);
        resolve(stats);
      };
      const timer = setTimeout(done, STATS_MS, undefined);
      this.#asked.set(id, done);
      send(child, { kwik: 'stats', id });
    });
  }

  #event(kind: WorkerEvent['kind'], { worker, child }: Worker, reason: string): void {
    this.#callbacks.call('onEvent', this.#options.onEvent, { kind, worker, pid: child.pid ?? 0, reason });
  }
}

/** How it ended, once all that it sent has been taken. */
async function goneOf(child: ChildProcess): Promise<string> {
  const disconnected = new Promise<void>((resolve) => child.once('disconnect', resolve));
  const reason = await new Promise<string>((resolve) => {
    // More than one may come: of the start, and of each signal that does not reach it.
    child.on('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal === null ? `it ended with code ${code}` : `it got ${signal}`));
  });
  if (child.connected) await disconnected;
  return reason;
}

/** Throws ERR_KWIK_INVALID_ARGUMENT. */
function requireTime(name: string, ms: number | undefined): void {
  if (ms === undefined || (ms >= 0 && ms <= MAX_WAIT_OPTION_MS)) return;
  throw new KwikError(
    'ERR_KWIK_INVALID_ARGUMENT',
    `${name} is ${ms}; it takes milliseconds, from 0 to ${MAX_WAIT_OPTION_MS} (a day)`,
  );
}

function send(child: ChildProcess, message: ToWorker): void {
  // It may have ended at this very moment.
  if (child.connected) child.send(message, () => undefined);
}
