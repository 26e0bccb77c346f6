import { createHash } from 'node:crypto';
import type { Session } from '@kwik/session';
import { download, type Downloaded } from '../get/download.js';
import type { Existing, Sink } from '../get/sink.js';
import type { CliIo } from '../io.js';
import { ServerTotals, type ServerTotal } from '../progress/server-totals.js';
import { TransferMeter, type TransferState } from '../progress/transfer-meter.js';
import { FILE_NAME, SAMPLE_NAME, type Stage } from './stage.js';

/** Often enough for the rates that are shown. */
const SAMPLE_INTERVAL_MS = 100;
/** A server that vanishes is replaced within a second; ten say that something else is wrong. */
const STALL_TIMEOUT_MS = 10_000;

export interface FetchOptions {
  readonly io: CliIo;
  readonly stage: Stage;
  /** Number of the server that is dialled. */
  readonly server: number;
  /** False: that server and no other. */
  readonly together: boolean;
  readonly signal: AbortSignal;
}

/** One download of the demo, and what was counted meanwhile. */
export class Fetch {
  readonly #options: FetchOptions;
  readonly #meter: TransferMeter;
  readonly #totals = new ServerTotals();
  #session: Session | undefined;

  constructor(options: FetchOptions) {
    this.#options = options;
    this.#meter = new TransferMeter(options.io.now());
  }

  /** In the order of the plan. Takes a sample of the paths. */
  servers(): ServerTotal[] {
    const { io, stage } = this.#options;
    if (this.#session !== undefined) this.#totals.sample(this.#session.getAllPaths(), io.now());
    return this.#totals.list().sort((a, b) => stage.indexOf(a.server) - stage.indexOf(b.server));
  }

  state(): TransferState {
    return this.#meter.state(this.#options.io.now());
  }

  async run(
    onContent: (doneBytes: number, totalBytes: number) => void,
  ): Promise<Downloaded & { state: TransferState }> {
    const { io, stage, server, together, signal } = this.#options;
    const address = stage.servers[server]!.address;
    const session = await io.network.dial(stage.via(address), {
      trust: { ca: await stage.authority() },
      paths: { resolve: (peer) => (together ? stage.via(peer) : false) },
      signal,
    });
    this.#session = session;
    const stopSampling = io.every(SAMPLE_INTERVAL_MS, () => this.servers());
    try {
      const downloaded = await download(together ? FILE_NAME : SAMPLE_NAME, new Nowhere(), {
        session,
        signal,
        timeoutMs: STALL_TIMEOUT_MS,
        now: () => io.now(),
        onHeader: (size, offset) => this.#meter.begin(this, size, offset),
        onContent: (bytes) => {
          this.#meter.arrived(this, bytes, io.now());
          const { doneBytes, totalBytes } = this.state();
          onContent(doneBytes, totalBytes);
        },
      });
      return { ...downloaded, state: this.state() };
    } finally {
      stopSampling();
      // The last look: when the session is closed, all its paths are.
      this.servers();
      this.#session = undefined;
      await session.close();
    }
  }
}

/** The demo is about the way, not about the disk: the content is hashed and forgotten. */
class Nowhere implements Sink {
  readonly keptBytes = 0;

  open(): Promise<Existing> {
    return Promise.resolve({ offset: 0, hash: createHash('sha256') });
  }

  begin(): Promise<void> {
    return Promise.resolve();
  }

  write(): Promise<void> {
    return Promise.resolve();
  }

  commit(): Promise<void> {
    return Promise.resolve();
  }

  suspend(): Promise<void> {
    return Promise.resolve();
  }

  discard(): Promise<void> {
    return Promise.resolve();
  }
}
