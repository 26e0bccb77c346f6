import { isConnectionFailure } from '../errors.js';
import type { TransferMeter } from '../progress/transfer-meter.js';
import { download, type DownloadContext, type Downloaded } from './download.js';
import type { Job } from './jobs.js';
import { SinkWaits } from './sink-waits.js';
import type { Sink } from './sink.js';

export interface Finished extends Downloaded {
  readonly job: Job;
}

export interface Failed {
  readonly job: Job;
  readonly error: unknown;
}

export type BatchContext = Omit<DownloadContext, 'onHeader' | 'onContent'>;

export interface BatchOptions {
  readonly sinkFor: (job: Job) => Sink | Promise<Sink>;
  readonly meter: TransferMeter;
  /** Files that the server cannot give; they count as failed. */
  readonly omitted?: readonly Failed[];
}

/** Streams at once: enough to hide the round trip behind small files, few enough not to use up a server's limits. */
const CONCURRENT_STREAMS = 32;

/** Files that are still to be fetched, over as many sessions as it takes, and what became of the others. */
export class Batch {
  readonly finished: Finished[] = [];
  readonly failed: Failed[];
  readonly total: number;
  readonly firstPath: string | undefined;
  readonly #pending: Job[];
  readonly #kept = new Map<Job, number>();
  /** Sinks that a lost session has left in mid-file: they know what they have, and what they passed on. */
  readonly #suspended = new Map<Job, Sink>();
  /** Where the first session of this run began a file. */
  readonly #begunAt = new Map<Job, number>();
  readonly #sinkFor: BatchOptions['sinkFor'];
  readonly #meter: TransferMeter;

  constructor(jobs: readonly Job[], options: BatchOptions) {
    this.#pending = [...jobs].reverse();
    this.failed = [...(options.omitted ?? [])];
    this.total = jobs.length + this.failed.length;
    this.firstPath = jobs[0]?.path;
    this.#sinkFor = options.sinkFor;
    this.#meter = options.meter;
    for (const job of jobs) if (job.size !== undefined) this.#meter.begin(job, job.size, 0);
  }

  /** Bytes of unfinished files that a later run need not fetch again. */
  get keptBytes(): number {
    return [...this.#kept.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Fetches what is pending. If the session is lost, rejects with the reason; the files it held up are pending again. */
  async run(given: BatchContext): Promise<void> {
    const context = { ...given, waits: new SinkWaits(given.now) };
    const lost: unknown[] = [];
    const worker = async (): Promise<void> => {
      while (lost.length === 0) {
        const job = this.#pending.pop();
        if (job === undefined) return;
        await this.#fetch(job, context).catch((error: unknown) => {
          this.#pending.push(job);
          lost.push(error);
        });
      }
    };
    await Promise.all(Array.from({ length: Math.min(CONCURRENT_STREAMS, this.total) }, worker));
    if (lost.length > 0) throw lost[0];
  }

  /** Rejects only if going on with the next file makes no sense. */
  async #fetch(job: Job, context: BatchContext): Promise<void> {
    let sink = this.#suspended.get(job);
    try {
      sink ??= await this.#sinkFor(job);
      this.#suspended.set(job, sink);
      const downloaded = await download(job.path, sink, {
        ...context,
        onHeader: (size, offset) => this.#begin(job, size, offset),
        onContent: (bytes) => this.#meter.arrived(job, bytes, context.now()),
      });
      this.#kept.delete(job);
      this.finished.push({ job, ...downloaded, offset: this.#begunAt.get(job) ?? downloaded.offset });
    } catch (error) {
      this.#kept.set(job, sink?.keptBytes ?? 0);
      if (context.signal.aborted || isConnectionFailure(error)) throw error;
      this.failed.push({ job, error });
    }
    this.#suspended.delete(job);
  }

  #begin(job: Job, size: number, offset: number): void {
    this.#meter.begin(job, size, offset);
    this.#begunAt.set(job, Math.min(offset, this.#begunAt.get(job) ?? offset));
  }
}
