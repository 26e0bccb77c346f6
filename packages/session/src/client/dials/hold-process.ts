const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Keeps the process alive until what it returns is called: timers of the clock do not, and a dial that waits has no socket yet. */
export function holdProcess(): () => void {
  const timer = setInterval(() => undefined, LONGEST_TIMER_MS);
  return () => clearInterval(timer);
}
