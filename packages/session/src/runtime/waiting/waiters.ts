import { KwikError } from '@kwik/wire';

/** Calls that may wait on one thing at once; an application that exceeds it has lost count of its promises. */
const MAX_WAITERS = 1024;

/** Promises that wait until something changes. `wake` resolves all; each then looks again. */
export class Waiters {
  /** A list: a Set that is cleared again and again leaves a trail of tables, which the collector follows for long. */
  #waiting: (() => void)[] = [];

  get size(): number {
    return this.#waiting.length;
  }

  wake(): void {
    if (this.#waiting.length === 0) return;
    const all = this.#waiting;
    this.#waiting = [];
    for (const resolve of all) resolve();
  }

  /** Resolves at the next `wake`; rejects with ERR_KWIK_ABORTED when `signal` aborts first. */
  wait(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(aborted(signal));
    if (this.#waiting.length >= MAX_WAITERS) {
      return Promise.reject(
        new KwikError('ERR_KWIK_LIMIT_EXCEEDED', `${MAX_WAITERS} calls wait already; await them before making more`),
      );
    }
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting = this.#waiting.filter((each) => each !== done);
        reject(aborted(signal));
      };
      const done = (): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      this.#waiting.push(done);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}

export function aborted(signal: AbortSignal | undefined): KwikError {
  return new KwikError('ERR_KWIK_ABORTED', 'the operation was aborted', { cause: signal?.reason });
}
