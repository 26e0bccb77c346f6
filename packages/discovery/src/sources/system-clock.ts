import type { Clock } from '@kwik/wire';

/** Time and timers of the process; no timer keeps it alive. */
export function systemClock(): Clock {
  return {
    now: () => performance.now(),
    schedule: (delayMs, callback) => {
      const timer = setTimeout(callback, delayMs).unref();
      return { cancel: () => clearTimeout(timer) };
    },
  };
}
