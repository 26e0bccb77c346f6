import { KwikError } from '@kwik/wire';

/**
 * Aborts when nothing came for `timeoutMs`, or when `outer` does. `touch` says that something came. What this end does
 * meanwhile (a disk or a reader of ours that is slow) is no silence of the server's: `whileBusy` leaves it out.
 */
export class StallGuard {
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #now: () => number;
  #timeoutMs: number;
  #touchedMs: number;
  #busy = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(timeoutMs: number, options: { readonly now: () => number; readonly outer: AbortSignal }) {
    this.#timeoutMs = timeoutMs;
    this.#now = options.now;
    this.#touchedMs = this.#now();
    this.signal = AbortSignal.any([options.outer, this.#controller.signal]);
    this.#arm(timeoutMs);
  }

  touch(): void {
    this.#touchedMs = this.#now();
  }

  /** Waits for work of this end; rejects with the reason when the signal aborts before. */
  async whileBusy<T>(work: Promise<T>): Promise<T> {
    this.#busy += 1;
    try {
      return await orAborted(work, this.signal);
    } finally {
      this.#busy -= 1;
      this.touch();
    }
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
      const leftMs = this.#busy > 0 ? this.#timeoutMs : this.#touchedMs + this.#timeoutMs - this.#now();
      if (leftMs > 1) this.#arm(leftMs);
      else this.#controller.abort(stalled(this.#timeoutMs));
    }, delayMs);
  }
}

async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    // Nobody waits for it any more when the signal came first.
    work.catch(() => undefined);
  }
}

function stalled(timeoutMs: number): KwikError {
  return new KwikError(
    'ERR_KWIK_TIMEOUT',
    `nothing came for ${Math.round(timeoutMs / 1000)} s; try again later, or allow more with --timeout`,
  );
}
