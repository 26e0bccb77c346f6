import type { Candidate } from './candidate.js';
import type { SelectionPolicy } from './policy.js';

/** Of a server that nobody has measured: low enough to be tried, high enough not to draw everybody. */
const UNKNOWN_RTT_MS = 50;
/** What a newcomer costs more at first: as if it were ten times as far. */
const SLOW_START_FACTOR = 10;
/** The least trust that is reckoned with. */
const MIN_TRUST = 0.01;

/** What using a server costs: Peak-EWMA of the round trip times (load + 1), by the weights of the policy. Less is better. */
export function costOf(candidate: Candidate, { weights, slowStartMs }: SelectionPolicy, now: number): number {
  const { record, rttMs = UNKNOWN_RTT_MS, trust } = candidate;
  return (
    Math.max(1, rttMs) ** weights.rtt *
    (1 + (record.load ?? 0)) ** weights.load *
    record.weight ** -weights.weight *
    Math.max(MIN_TRUST, trust) ** -weights.trust *
    slowStart(now - candidate.knownSinceMs, slowStartMs)
  );
}

/** From ten down to one over the time. */
function slowStart(ageMs: number, slowStartMs: number): number {
  if (ageMs >= slowStartMs) return 1;
  return SLOW_START_FACTOR - (SLOW_START_FACTOR - 1) * (Math.max(0, ageMs) / slowStartMs);
}
