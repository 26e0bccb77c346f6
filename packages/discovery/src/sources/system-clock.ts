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

const LONG_MS = 2 ** 30;

/** Keeps the process alive until what it returns is called: timers of `systemClock` do not. */
export function holdProcess(): () => void {
  const timer = setInterval(() => undefined, LONG_MS);
  return () => clearInterval(timer);
}
