import type { Arrival, PathSample } from './messages.js';

/** The longest wait of the reader that ends after `fromMs`, or has not ended by `toMs`. */
export function longestGapMs(arrivals: readonly Arrival[], fromMs: number, toMs: number): number {
  let longest = 0;
  let last: number | undefined;
  for (const { atMs } of arrivals) {
    if (atMs >= toMs) break;
    // Only waiting from the cut on is the cut's: what lay before is added by the arrival before it.
    if (last !== undefined && atMs > fromMs) longest = Math.max(longest, atMs - last);
    last = atMs;
  }
  return last === undefined ? toMs - fromMs : Math.max(longest, toMs - last);
}

/** Bytes that have come by a moment; rising. */
export type Count = readonly { readonly atMs: number; readonly bytes: number }[];

/** Payload that came over all paths, in order or not, without what came twice. */
export function countOfPaths(samples: readonly PathSample[]): Count {
  const seen = new Map<number, number>();
  let bytes = 0;
  return samples.map(({ atMs, paths }) => {
    for (const { id, receivedBytes } of paths) {
      const before = seen.get(id) ?? 0;
      // A path that was connected again may count from zero.
      bytes += receivedBytes >= before ? receivedBytes - before : receivedBytes;
      seen.set(id, receivedBytes);
    }
    return { atMs, bytes };
  });
}

export function countOfArrivals(arrivals: readonly Arrival[]): Count {
  let bytes = 0;
  return arrivals.map((arrival) => ({ atMs: arrival.atMs, bytes: (bytes += arrival.bytes) }));
}

/**
 * Milliseconds from `fromMs` until the mean over the following `windowMs` is at least `mbit`; infinite when it is not
 * by `toMs`.
 */
export function recoveryMs(
  count: Count,
  { fromMs, toMs, mbit, windowMs }: { fromMs: number; toMs: number; mbit: number; windowMs: number },
): number {
  const needed = (mbit * 1000 * windowMs) / 8;
  for (let startMs = fromMs; startMs + windowMs <= toMs; startMs += 10) {
    if (bytesAt(count, startMs + windowMs) - bytesAt(count, startMs) >= needed) return startMs - fromMs;
  }
  return Infinity;
}

/** Mean Mbit/s in bins of `binMs` from `fromMs` on. */
export function ratesMbit(count: Count, fromMs: number, toMs: number, binMs: number): number[] {
  const rates: number[] = [];
  for (let at = fromMs; at + binMs <= toMs; at += binMs) {
    rates.push(((bytesAt(count, at + binMs) - bytesAt(count, at)) * 8) / binMs / 1000);
  }
  return rates;
}

/** As of the last look. */
export function bytesAt(count: Count, atMs: number): number {
  let low = 0;
  let high = count.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (count[middle]!.atMs <= atMs) low = middle + 1;
    else high = middle;
  }
  return count[low - 1]?.bytes ?? 0;
}
