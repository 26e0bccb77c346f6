import type { Clock, TimerHandle } from '@kwik/wire';

/** No record is multicast twice within a second (RFC 6762, section 6) … */
const BETWEEN_MS = 1000;
/** … but for one who probes whether its name is taken, and decides soon. */
const BETWEEN_FOR_PROBE_MS = 250;

/** Sends the records of a host as often as they may be multicast, however often they are asked for; all who ask in between share an answer. */
export class PacedAnswers {
  readonly #clock: Clock;
  readonly #send: () => void;
  #sentMs = -Infinity;
  #due: { readonly atMs: number; readonly timer: TimerHandle } | undefined;
  #ended = false;

  constructor(clock: Clock, send: () => void) {
    this.#clock = clock;
    this.#send = send;
  }

  /** At once, or as soon as it may be. */
  ask(by: 'anyone' | 'probe' = 'anyone'): void {
    if (this.#ended) return;
    const atMs = this.#sentMs + (by === 'probe' ? BETWEEN_FOR_PROBE_MS : BETWEEN_MS);
    if (this.#due !== undefined && this.#due.atMs <= atMs) return;
    this.#due?.timer.cancel();
    this.#due = undefined;
    const waitMs = atMs - this.#clock.now();
    if (waitMs <= 0) this.#answer();
    else this.#due = { atMs, timer: this.#clock.schedule(waitMs, () => this.#answer()) };
  }

  /** Nothing more is sent. */
  end(): void {
    this.#ended = true;
    this.#due?.timer.cancel();
    this.#due = undefined;
  }

  #answer(): void {
    this.#due = undefined;
    this.#sentMs = this.#clock.now();
    this.#send();
  }
}
