import type { HealthOptions } from './health-options.js';

/** What servers are compared by. */
export interface Judged {
  readonly key: string;
  readonly attempts: number;
  readonly rate: number | undefined;
  readonly rttMs: number | undefined;
}

export interface Outlier {
  readonly key: string;
  readonly reason: string;
}

/** Below that, a factor is noise. */
const MIN_LATENCY_EXCESS_MS = 100;

/** Servers that fail far more often than the others. */
export function successOutliers(servers: readonly Judged[], options: HealthOptions): Outlier[] {
  const { minAttempts, minServers, deviations } = options;
  const compared = servers.flatMap(({ key, attempts, rate }) =>
    rate !== undefined && attempts >= minAttempts ? [{ key, rate }] : [],
  );
  if (compared.length < minServers) return [];
  const mean = compared.reduce((sum, { rate }) => sum + rate, 0) / compared.length;
  const spread = Math.sqrt(compared.reduce((sum, { rate }) => sum + (rate - mean) ** 2, 0) / compared.length);
  // Among few servers one that always fails widens the spread so far that it would excuse itself.
  const limit = mean - Math.min(deviations, Math.sqrt(compared.length - 1) - 0.1) * spread;
  if (spread === 0) return [];
  return compared
    .filter(({ rate }) => rate < limit)
    .map(({ key, rate }) => ({ key, reason: `${percent(rate)} of its uses succeed, ${percent(mean)} on average` }));
}

/** Servers whose round trips are far longer than those of the others. */
export function latencyOutliers(servers: readonly Judged[], { minServers, latencyFactor }: HealthOptions): Outlier[] {
  const compared = servers.flatMap(({ key, rttMs }) => (rttMs === undefined ? [] : [{ key, rttMs }]));
  if (compared.length < minServers) return [];
  const sorted = compared.map(({ rttMs }) => rttMs).sort((one, other) => one - other);
  const median = sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
  return compared
    .filter(({ rttMs }) => rttMs > Math.max(median * latencyFactor, median + MIN_LATENCY_EXCESS_MS))
    .map(({ key, rttMs }) => ({
      key,
      reason: `its round trip is ${rttMs.toFixed(0)} ms, ${median.toFixed(0)} ms in the middle`,
    }));
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
