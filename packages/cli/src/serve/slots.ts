import { KwikError } from '@kwik/wire';

/** Lets so many run at a time; others wait in the order in which they came, and too many are refused. */
export class Slots {
  readonly #limit: number;
  readonly #maxWaiting: number;
  readonly #what: string;
  /** What lets each of them in. */
  readonly #waiting: (() => void)[] = [];
  #taken = 0;

  /** `what` names the work in the refusal. */
  constructor(what: string, { limit, maxWaiting }: { readonly limit: number; readonly maxWaiting: number }) {
    this.#what = what;
    this.#limit = limit;
    this.#maxWaiting = maxWaiting;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Rejects with ERR_KWIK_LIMIT_EXCEEDED when too many wait, with ERR_KWIK_ABORTED when `signal` says so. */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#enter(signal);
    try {
      return await work();
    } finally {
      this.#taken -= 1;
      this.#next();
    }
  }

  #enter(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(this.#aborted());
    if (this.#taken < this.#limit) {
      this.#taken += 1;
      return Promise.resolve();
    }
    if (this.#waiting.length >= this.#maxWaiting) {
      const busy = `the server is busy: ${this.#limit} run and ${this.#waiting.length} wait for ${this.#what}; try later`;
      return Promise.reject(new KwikError('ERR_KWIK_LIMIT_EXCEEDED', busy));
    }
    return new Promise<void>((resolve, reject) => {
      const enter = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1);
        reject(this.#aborted());
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(enter);
    });
  }

  #next(): void {
    const enter = this.#waiting.shift();
    if (enter === undefined) return;
    this.#taken += 1;
    enter();
  }

  #aborted(): KwikError {
    return new KwikError('ERR_KWIK_ABORTED', `${this.#what}: no longer wanted`);
  }
}
