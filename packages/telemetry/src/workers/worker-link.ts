import type { LivePath } from '../live/live-state.js';
import type { Wanted, WorkerAnswer, WorkerQuestion } from './messages.js';

/** A worker that has not answered for so long is left out, and not waited for again until it answers. */
export const MAX_WAIT_MS = 1_000;
/** A little less: when the wait is over, it is known. */
const SILENT_AFTER_MS = 900;
/** Sessions whose paths are kept: as many as pages may be open, twice over. */
const MAX_SESSIONS = 32;

interface Asked {
  readonly wanted: Wanted;
  readonly answered: Promise<void>;
  readonly resolve: () => void;
}

/** What is known of one worker. One question to it is under way at a time, and one more may wait: they take in all that is wanted. */
export class WorkerLink {
  readonly worker: number;
  /** The last that it said of each. */
  metrics: WorkerAnswer['metrics'];
  overview: WorkerAnswer['overview'];
  alerts: NonNullable<WorkerAnswer['alerts']> = [];
  readonly paths = new Map<string, readonly LivePath[]>();
  flight: string | null | undefined;
  readonly #send: (question: WorkerQuestion) => boolean;
  readonly #now: () => number;
  #asked: (Asked & { readonly id: number; readonly atMs: number; readonly wallClockMs: number }) | undefined;
  #next: Asked | undefined;
  #id = 0;
  #line = 0;
  #gap = 0;

  constructor(worker: number, send: (question: WorkerQuestion) => boolean, now: () => number) {
    this.worker = worker;
    this.#send = send;
    this.#now = now;
  }

  /** Whether it owes an answer for longer than it is waited for. */
  get isSilent(): boolean {
    return this.#asked !== undefined && this.#now() - this.#asked.atMs >= SILENT_AFTER_MS;
  }

  /** Since when it owes the answer, milliseconds since 1970; undefined when it is not silent. */
  get silentSince(): number | undefined {
    return this.isSilent ? this.#asked?.wallClockMs : undefined;
  }

  /** Resolves when all of it is answered; that may be never. */
  ask(wanted: Wanted): Promise<void> {
    if (this.#asked === undefined) return this.#put(newAsked(wanted));
    this.#next =
      this.#next === undefined ? newAsked(wanted) : { ...this.#next, wanted: both(this.#next.wanted, wanted) };
    return this.#next.answered;
  }

  /** What is new in an answer; undefined: it is none to what was asked. */
  take(answer: WorkerAnswer): Pick<WorkerAnswer, 'lines' | 'gaps'> | undefined {
    const asked = this.#asked;
    if (asked?.id !== answer.id) return undefined;
    this.metrics = answer.metrics ?? this.metrics;
    this.overview = answer.overview ?? this.overview;
    this.alerts = answer.alerts ?? this.alerts;
    for (const session of asked.wanted.sessions ?? []) this.#takePaths(session, answer.paths[session]);
    this.flight = answer.flight ?? this.flight;
    this.#line = answer.lines.at(-1)?.number ?? this.#line;
    this.#gap = answer.gap;
    this.#asked = undefined;
    asked.resolve();
    if (this.#next !== undefined) {
      void this.#put(this.#next);
      this.#next = undefined;
    }
    return answer;
  }

  /** The worker is gone: nobody waits for it. */
  end(): void {
    this.#asked?.resolve();
    this.#next?.resolve();
    this.#next = undefined;
  }

  #takePaths(session: string, paths: readonly LivePath[] | undefined): void {
    this.paths.delete(session);
    if (paths === undefined) return;
    this.paths.set(session, paths);
    for (const oldest of this.paths.keys()) {
      if (this.paths.size <= MAX_SESSIONS) break;
      this.paths.delete(oldest);
    }
  }

  #put(asked: Asked): Promise<void> {
    const id = this.#id++;
    const isSent = this.#send({ telemetry: 'ask', id, line: this.#line, gap: this.#gap, ...asked.wanted });
    if (isSent) this.#asked = { ...asked, id, atMs: this.#now(), wallClockMs: Date.now() };
    else asked.resolve();
    return asked.answered;
  }
}

function newAsked(wanted: Wanted): Asked {
  let resolve = (): void => undefined;
  const answered = new Promise<void>((done) => (resolve = done));
  return { wanted, answered, resolve };
}

function both(a: Wanted, b: Wanted): Wanted {
  const overview = Math.max(a.overview ?? 0, b.overview ?? 0);
  return {
    ...((a.metrics === true || b.metrics === true) && { metrics: true }),
    ...((a.flight === true || b.flight === true) && { flight: true }),
    ...(overview > 0 && { overview }),
    sessions: [...new Set([...(a.sessions ?? []), ...(b.sessions ?? [])])],
  };
}
