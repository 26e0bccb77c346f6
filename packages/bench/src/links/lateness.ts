import type { Arrival } from './messages.js';

/** How much later than the quickest of them each message came, ms; one was written every `everyMs`. */
export function lateness(
  arrivals: readonly Arrival[],
  { messageBytes, everyMs }: { readonly messageBytes: number; readonly everyMs: number },
): number[] {
  const delays: number[] = [];
  let bytes = 0;
  for (const arrival of arrivals) {
    bytes += arrival.bytes;
    while ((delays.length + 1) * messageBytes <= bytes) delays.push(arrival.atMs - delays.length * everyMs);
  }
  const quickest = Math.min(...delays);
  return delays.map((delay) => delay - quickest);
}
