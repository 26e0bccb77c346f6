import { KwikError } from '@kwik/wire';

/** Aborts when nothing happened for `timeoutMs`, or when `outer` does. `touch` says that something happened. */
export class StallGuard {
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #now: () => number;
  #timeoutMs: number;
  #touchedMs: number;
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
      const leftMs = this.#touchedMs + this.#timeoutMs - this.#now();
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
