import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { SimArgs } from './args.js';
import type { Batch, SeedReport } from './worker.js';

/** Small enough that both cores end together, large enough that messages cost nothing. */
const BATCH_SEEDS = 20;
/** A seed takes milliseconds; one that never ends is stopped by this, and has failed. */
const SEED_TIMEOUT_MS = 60_000;

/** Runs seeds in processes of their own, as many at once as there are workers. */
export class Pool {
  readonly #args: SimArgs;
  readonly #onSeed: (report: SeedReport) => void;
  readonly #children = new Set<ChildProcess>();
  #next: number;
  #stopped = false;
  #finishing = false;

  constructor(args: SimArgs, onSeed: (report: SeedReport) => void) {
    this.#args = args;
    this.#onSeed = onSeed;
    this.#next = args.from;
  }

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.#args.workers }, () => this.#work()));
  }

  /** Begins no further seeds; `run` resolves when those that were begun are over. */
  finish(): void {
    this.#finishing = true;
  }

  /** Ends everything at once; `run` resolves. */
  stop(): void {
    this.#stopped = true;
    for (const child of this.#children) child.kill('SIGKILL');
  }

  async #work(): Promise<void> {
    for (let batch = this.#take(); batch !== undefined; batch = this.#take()) await this.#runBatches(batch);
  }

  /** Batches until there are no more, or the child dies; the seed that killed it has failed, and the rest goes on. */
  #runBatches(first: Batch): Promise<void> {
    return new Promise((resolve) => {
      const child = fork(fileURLToPath(new URL('worker.js', import.meta.url)), {
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      });
      this.#children.add(child);
      let batch: Batch | undefined = first;
      let done = first.from;
      let errors = '';
      const watch = () => setTimeout(() => child.kill('SIGKILL'), SEED_TIMEOUT_MS);
      let timer = watch();
      child.stderr?.on('data', (text: Buffer) => (errors = (errors + text.toString()).slice(-2000)));
      child.on('message', (report: SeedReport) => {
        clearTimeout(timer);
        timer = watch();
        this.#onSeed(report);
        done = report.seed + 1;
        if (batch === undefined || done < batch.from + batch.count) return;
        batch = this.#take();
        if (batch === undefined) child.disconnect();
        else {
          done = batch.from;
          child.send(batch);
        }
      });
      child.once('exit', () => {
        clearTimeout(timer);
        this.#children.delete(child);
        if (batch === undefined || this.#stopped) return resolve();
        this.#onSeed({ seed: done, failure: `the process ended or hung: ${errors.trim().split('\n').at(-1) ?? ''}` });
        const rest = { ...batch, from: done + 1, count: batch.from + batch.count - done - 1 };
        if (rest.count === 0) return resolve();
        void this.#runBatches(rest).then(resolve);
      });
      child.send(first);
    });
  }

  #take(): Batch | undefined {
    const { from, count, canary, kind } = this.#args;
    const left = from + count - this.#next;
    if (left <= 0 || this.#stopped || this.#finishing) return undefined;
    const batch = { from: this.#next, count: Math.min(BATCH_SEEDS, left), canary, kind };
    this.#next += batch.count;
    return batch;
  }
}
