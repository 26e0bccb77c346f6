/** What a pump drives: something that has things to do at times of its own. */
export interface Pumped {
  /** Infinity while there is nothing to do. */
  nextEventMs(): number;
  /** Does everything that is due at `now`. */
  run(now: number): void;
}

export interface LinkPumpOptions {
  /**
   * Between two looks at the clock the thread sleeps, instead of turning its event loop without rest. It saves a core,
   * and blocks the thread for up to `NAP_MS` at a time: only for a thread that has nothing else to do.
   */
  readonly nap: boolean;
  /** Monotonic milliseconds with a fraction. Default `performance.now`. */
  readonly now?: () => number;
}

/** Node's timers have 1 ms of resolution and fire late by as much, so the last stretch is waited for by polling. */
const POLL_WITHIN_MS = 1.5;
const TIMER_EARLY_MS = 1;
/** Accuracy of a napping pump: a fifth of what a link promises. Sockets are read after each nap. */
const NAP_MS = 0.2;
/** Below this a nap overshoots. */
const LEAST_NAP_MS = 0.05;
/** Node's timers hold 31 bits. */
const MAX_TIMER_MS = 0x7fff_ffff;

/** Runs links on time: a timer while the next event is far, polling when it is near, nothing when there is none. */
export class LinkPump {
  readonly #nap: boolean;
  readonly #now: () => number;
  readonly #members = new Set<Pumped>();
  readonly #napCell = new Int32Array(new SharedArrayBuffer(4));
  #armedForMs = Infinity;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;

  constructor(options: LinkPumpOptions) {
    this.#nap = options.nap;
    this.#now = options.now ?? (() => performance.now());
  }

  now(): number {
    return this.#now();
  }

  add(member: Pumped): void {
    this.#members.add(member);
  }

  remove(member: Pumped): void {
    this.#members.delete(member);
    if (this.#members.size === 0) this.#disarm();
  }

  /** To be called when a member may have to run earlier than it said before. */
  poke(member: Pumped): void {
    if (member.nextEventMs() < this.#armedForMs) this.#arm();
  }

  #arm(): void {
    let next = Infinity;
    for (const member of this.#members) next = Math.min(next, member.nextEventMs());
    if (next === this.#armedForMs) return;
    this.#disarm();
    if (next === Infinity) return;
    this.#armedForMs = next;
    const gapMs = next - this.#now();
    if (gapMs <= POLL_WITHIN_MS) this.#immediate = setImmediate(() => this.#wake(next));
    else this.#timer = setTimeout(() => this.#wake(next), Math.min(MAX_TIMER_MS, Math.floor(gapMs - TIMER_EARLY_MS)));
  }

  #wake(dueMs: number): void {
    this.#disarm();
    const waitMs = Math.min(NAP_MS, dueMs - this.#now());
    if (this.#nap && waitMs >= LEAST_NAP_MS && waitMs <= NAP_MS) Atomics.wait(this.#napCell, 0, 0, waitMs);
    const now = this.#now();
    for (const member of this.#members) member.run(now);
    this.#arm();
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#timer = undefined;
    this.#immediate = undefined;
    this.#armedForMs = Infinity;
  }
}
