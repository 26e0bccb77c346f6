import { KwikError } from '@kwik/wire';
import { aborted } from './waiters.js';

/** Calls that may wait at once; an application that exceeds it has lost count of its promises. */
const MAX_WAITING = 1024;

interface Waiting<T, R> {
  readonly request: R | undefined;
  resolve(value: T): void;
  reject(error: KwikError): void;
}

/**
 * Calls that wait for the next of something, served in the order in which they were made: one that comes while others wait
 * takes nothing before them.
 */
export class TurnQueue<T, R = undefined> {
  readonly #take: (request: R | undefined) => T | undefined;
  readonly #waiting = new Set<Waiting<T, R>>();
  #pumping = false;

  /** @param take gives the next for a request, or undefined when there is none yet; throws when none will come */
  constructor(take: (request: R | undefined) => T | undefined) {
    this.#take = take;
  }

  /** The next one, now or later. Rejects with ERR_KWIK_ABORTED when `signal` aborts first; then nothing was taken. */
  next(signal?: AbortSignal, request?: R): Promise<T> {
    if (signal?.aborted === true) return Promise.reject(aborted(signal));
    if (this.#waiting.size === 0) {
      try {
        const value = this.#take(request);
        if (value !== undefined) return Promise.resolve(value);
      } catch (error) {
        return Promise.reject(KwikError.from(error));
      }
    }
    if (this.#waiting.size < MAX_WAITING) return this.#wait(request, signal);
    const tooMany = `${MAX_WAITING} calls wait already; await them before making more`;
    return Promise.reject(new KwikError('ERR_KWIK_LIMIT_EXCEEDED', tooMany));
  }

  /** There may be something, or an end. */
  pump(): void {
    // What is taken may tell of something new, and come back here.
    if (this.#pumping) return;
    this.#pumping = true;
    for (const waiting of this.#waiting) {
      try {
        const value = this.#take(waiting.request);
        if (value === undefined) break;
        waiting.resolve(value);
      } catch (error) {
        waiting.reject(KwikError.from(error));
      }
    }
    this.#pumping = false;
  }

  #wait(request: R | undefined, signal: AbortSignal | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const over = (): void => {
        this.#waiting.delete(waiting);
        signal?.removeEventListener('abort', onAbort);
      };
      const waiting: Waiting<T, R> = {
        request,
        resolve: (value) => {
          over();
          resolve(value);
        },
        reject: (error) => {
          over();
          reject(error);
        },
      };
      const onAbort = (): void => waiting.reject(aborted(signal));
      this.#waiting.add(waiting);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}
