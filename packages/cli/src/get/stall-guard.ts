import { KwikError } from '@kwik/wire';
import { abortable } from '../abortable.js';
import { SinkWaits } from './sink-waits.js';

export interface StallGuardOptions {
  readonly now: () => number;
  readonly outer: AbortSignal;
  /** When this end was busy, also with other downloads of the session; its own alone unless given. */
  readonly waits?: SinkWaits;
}

/**
 * Aborts when nothing came for `timeoutMs`, or when `outer` does. `touch` says that something came. What this end does
 * meanwhile (a disk or a reader of ours that is slow) is no silence of the server's: `whileBusy` leaves it out.
 */
export class StallGuard {
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #now: () => number;
  readonly #waits: SinkWaits;
  #timeoutMs: number;
  #touchedMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(timeoutMs: number, options: StallGuardOptions) {
    this.#timeoutMs = timeoutMs;
    this.#now = options.now;
    this.#waits = options.waits ?? new SinkWaits(options.now);
    this.#touchedMs = this.#now();
    this.signal = AbortSignal.any([options.outer, this.#controller.signal]);
    this.#arm(timeoutMs);
  }

  touch(): void {
    this.#touchedMs = this.#now();
  }

  /** Waits for work of this end; rejects with the reason when the signal aborts before. */
  whileBusy<T>(work: Promise<T>): Promise<T> {
    return this.#waits.during(abortable(work, this.signal));
  }

  /** From now on this long is allowed. */
  allow(timeoutMs: number): void {
    this.#timeoutMs = timeoutMs;
    this.touch();
    clearTimeout(this.#timer);
    this.#arm(timeoutMs);
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  /** Why the signal aborted, instead of whatever the aborted call threw. */
  explain(error: unknown): unknown {
    return this.signal.aborted ? this.signal.reason : error;
  }

  /** One timer for many touches: it looks again when the earliest moment has come. */
  #arm(delayMs: number): void {
    this.#timer = setTimeout(() => {
      const leftMs = Math.max(this.#touchedMs, this.#waits.lastMs) + this.#timeoutMs - this.#now();
      if (leftMs > 1) this.#arm(leftMs);
      else this.#controller.abort(stalled(this.#timeoutMs));
    }, delayMs);
  }
}

function stalled(timeoutMs: number): KwikError {
  return new KwikError(
    'ERR_KWIK_TIMEOUT',
    `nothing came for ${Math.round(timeoutMs / 1000)} s; try again later, or allow more with --timeout`,
  );
}
