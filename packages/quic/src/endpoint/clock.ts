import type { Clock, TimerHandle } from '@kwik/wire';

/** The real clock: `performance.now()` and unreferenced `setTimeout`, so that a timer alone keeps no process alive. */
export function systemClock(): Clock {
  return {
    now: () => performance.now(),
    schedule(delayMs: number, callback: () => void): TimerHandle {
      const timer = setTimeout(callback, delayMs);
      timer.unref();
      return { cancel: () => clearTimeout(timer) };
    },
  };
}
