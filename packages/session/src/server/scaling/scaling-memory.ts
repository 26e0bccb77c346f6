import { KwikError, type Clock } from '@kwik/wire';
import type { DemandHistory, ScalingOptions } from '../../api/scaling.js';
import { HourlyTable, type KnownHour } from '../../core/policy/scaling/hourly-table.js';
import { MonthlySpending } from '../../core/policy/scaling/monthly-spending.js';
import type { UserCallbacks } from '../../runtime/host/user-callbacks.js';

/** Between two savings of the history; what is lost with a process that is killed is so much of it. */
const SAVE_EVERY_MS = 60_000;
/** A server begins without its history where that does not come for so long. */
const LOAD_MS = 10_000;
const CALLBACK = 'scaling.history';

/** What all sessions of a listener know of scaling together, and what outlives its process. */
export class ScalingMemory {
  /** What the servers that scaling takes on have sent this month. */
  readonly spending: MonthlySpending;
  /** What the hours of the last days needed. */
  readonly hours = new HourlyTable();
  readonly #history: ScalingOptions['history'];
  readonly #callbacks: UserCallbacks;
  #savedMs = Number.NEGATIVE_INFINITY;
  #saved = '';
  #isReady = false;
  /** The history is there, or cannot be had. */
  readonly ready: Promise<void>;

  /** `wallMs`: milliseconds since 1970. A history that cannot be had, or is none, is told as an error of `scaling.history`. */
  constructor({ spending, history }: ScalingOptions = {}, callbacks: UserCallbacks, wallMs: number) {
    this.spending = new MonthlySpending(spending);
    this.#history = history;
    this.#callbacks = callbacks;
    this.ready = history === undefined ? Promise.resolve() : this.#recall(history, wallMs);
  }

  /** The same, or it does not come, which is told; when it comes later it is taken. */
  readyInTime(clock: Pick<Clock, 'schedule'>): Promise<void> {
    return new Promise((resolve) => {
      const timer = clock.schedule(LOAD_MS, () => {
        const text = `load gave nothing for ${LOAD_MS / 1000} s; until it does nothing is saved`;
        this.#callbacks.onError(CALLBACK, new KwikError('ERR_KWIK_TIMEOUT', text));
        resolve();
      });
      void this.ready.then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  /**
   * Saves what is news: once a minute at the most, or at once; what could not be saved is news still. Nothing before the history is
   * there, which it would replace. `now`: milliseconds on any clock that only goes forward.
   */
  save(now: number, atOnce = false): void {
    const history = this.#history;
    if (history === undefined || !this.#isReady || (!atOnce && now - this.#savedMs < SAVE_EVERY_MS)) return;
    this.#savedMs = now;
    const { hours } = this.hours;
    const text = JSON.stringify(hours);
    if (text === this.#saved) return;
    this.#saved = text;
    const saving = this.#callbacks.tell(CALLBACK, () => history.save(hours));
    saving.catch(() => (this.#saved = ''));
  }

  async #recall(history: DemandHistory, wallMs: number): Promise<void> {
    const known = await this.#load(history);
    const hasLearned = this.hours.hours.length > 0;
    if (known !== undefined) this.hours.restore(known, wallMs);
    // What was learned while it was awaited is news.
    if (!hasLearned) this.#saved = JSON.stringify(this.hours.hours);
    this.#isReady = true;
  }

  /** Undefined: there is none, or it cannot be had, which has been told. */
  async #load(history: DemandHistory): Promise<readonly KnownHour[] | undefined> {
    try {
      return await this.#callbacks.tell(CALLBACK, async () => {
        const kept = await history.load();
        if (kept === undefined) return undefined;
        // What checks it takes as long to load as all the rest.
        const { readHours } = await import('./known-hours.js');
        return readHours(kept);
      });
    } catch {
      return undefined;
    }
  }
}
