/**
 * What is believed of somebody who did well so often and badly so often: the mean of a beta distribution (Jøsang, Ismail: The
 * Beta Reputation System, 2002). Evidence fades by half in each half-life, so that neither a good past nor a bad one lasts.
 */
export interface BetaEvidence {
  readonly good: number;
  readonly bad: number;
  /** When it was as much as that; milliseconds since 1970. */
  readonly atMs: number;
}

/** Without evidence the mean is two thirds: a newcomer may be tried, and is trusted less than who proved good. */
const PRIOR = { good: 2, bad: 1 };

export function noEvidence(atMs: number): BetaEvidence {
  return { good: 0, bad: 0, atMs };
}

/** As much of it as is left; a clock that went back changes nothing. */
export function faded({ good, bad, atMs }: BetaEvidence, nowMs: number, halfLifeMs: number): BetaEvidence {
  if (nowMs <= atMs) return { good, bad, atMs };
  const left = 0.5 ** ((nowMs - atMs) / halfLifeMs);
  return { good: good * left, bad: bad * left, atMs: nowMs };
}

/** 0 to 1. */
export function scoreOf({ good, bad }: BetaEvidence): number {
  return (good + PRIOR.good) / (good + bad + PRIOR.good + PRIOR.bad);
}
