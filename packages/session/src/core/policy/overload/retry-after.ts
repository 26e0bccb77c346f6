const LEAST_MS = 2000;
const MOST_MS = 30_000;

/**
 * When a client that is refused may try again: the longer the overload lasts, the later, and clients that are refused at once do
 * not come back at once. `random`: 0 <= random < 1. Whole milliseconds, from 1 to 45 s.
 */
export function retryAfterMs(refusingForMs: number, random: number): number {
  const base = Math.min(MOST_MS, Math.max(LEAST_MS, refusingForMs));
  return Math.round(base * (0.5 + random));
}
