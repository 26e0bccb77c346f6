import { KwikError, type Clock } from '@kwik/wire';

export interface Deadline {
  readonly clock: Clock;
  /** On that clock. */
  readonly atMs: number;
  readonly signal?: AbortSignal | undefined;
  timedOut(): KwikError;
  aborted(reason: unknown): KwikError;
}

/**
 * What `work` gives, or an error at the deadline or the abort, whatever `work` does: for what cannot be cancelled, like
 * a question to the system's resolver, which may take half a minute. Its late result is dropped.
 */
export function byDeadline<T>(work: Promise<T>, deadline: Deadline): Promise<T> {
  const { clock, atMs, signal } = deadline;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => finish(() => reject(deadline.aborted(signal?.reason)));
    const timer = clock.schedule(atMs - clock.now(), () => finish(() => reject(deadline.timedOut())));
    const finish = (settle: () => void): void => {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
      settle();
    };
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted === true) onAbort();
    work.then(
      (value) => finish(() => resolve(value)),
      (error: unknown) => finish(() => reject(KwikError.from(error, 'ERR_KWIK_CONNECT_FAILED'))),
    );
  });
}
