import type { Clock, ServerRecord } from '@kwik/wire';
import { delay } from './waiting.js';

/** A server that others can find. */
export interface Announcement {
  /** Resolves when it was told for the first time, or is closed; never rejects. */
  readonly announced: Promise<void>;
  /** What is announced from now on: another load, draining, … */
  update(record: ServerRecord): void;
  /** Takes it back. Resolves when that was tried; never rejects. */
  close(): Promise<void>;
}

const REMOVE_TIMEOUT_MS = 3000;
const FIRST_WAIT_MS = 500;

export interface KeepOptions {
  readonly clock: Clock;
  /** How often it is renewed. */
  readonly everyMs: number;
  readonly onFailure?: ((error: unknown) => void) | undefined;
  readonly put: (record: ServerRecord, signal: AbortSignal) => Promise<void>;
  readonly remove: (record: ServerRecord, signal: AbortSignal) => Promise<void>;
}

/** Puts a record again and again; after a failure sooner, after waits that double up to `everyMs`. */
export function keepAnnounced(first: ServerRecord, options: KeepOptions): Announcement {
  const { clock, everyMs, put, remove, onFailure } = options;
  const closing = new AbortController();
  let record = first;
  let told = (): void => undefined;
  const announced = new Promise<void>((resolve) => {
    told = resolve;
  });
  let changed = new AbortController();
  const over = () => closing.signal.aborted;
  const run = async (): Promise<void> => {
    let waitMs = FIRST_WAIT_MS;
    while (!over()) {
      changed = new AbortController();
      let nextMs = everyMs;
      try {
        await put(record, closing.signal);
        waitMs = FIRST_WAIT_MS;
        told();
      } catch (error) {
        if (over()) return;
        report(onFailure, error);
        nextMs = waitMs;
        waitMs = Math.min(everyMs, waitMs * 2);
      }
      await delay(clock, nextMs, AbortSignal.any([closing.signal, changed.signal]));
    }
  };
  const running = run();
  return {
    announced,
    update: (next) => {
      record = next;
      changed.abort();
    },
    close: async () => {
      if (closing.signal.aborted) return running;
      closing.abort();
      told();
      await running;
      await remove(record, AbortSignal.timeout(REMOVE_TIMEOUT_MS)).catch((error: unknown) => report(onFailure, error));
    },
  };
}

export function report(onFailure: ((error: unknown) => void) | undefined, error: unknown): void {
  try {
    onFailure?.(error);
  } catch {
    // A reporter of errors that fails has nobody to report to.
  }
}
