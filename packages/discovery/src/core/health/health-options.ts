import { optionRules } from '@kwik/wire';

const { amount, group, positive, share } = optionRules;

export interface HealthOptions {
  /** Failures in a row that put a server out. */
  readonly consecutiveFailures: number;
  /** The time over which success is counted. */
  readonly windowMs: number;
  /** A server is judged by its rate of success after so many attempts in that time. */
  readonly minAttempts: number;
  /** And when so many servers can be compared. */
  readonly minServers: number;
  /** A rate of success below the mean by so many standard deviations puts a server out; as Envoy, 1.9. */
  readonly deviations: number;
  /** A round trip above so many times the median, and by 100 ms at least, puts a server out. */
  readonly latencyFactor: number;
  /** The first ejection; each relapse doubles it. */
  readonly ejectionMs: number;
  readonly maxEjectionMs: number;
  /** At most this share of the servers is out at once, counted with the one that would be put out; one may always be. */
  readonly maxEjectedShare: number;
  /** Suspicion (see PhiAccrual) that puts out a server whose heartbeats have stopped. */
  readonly maxPhi: number;
  /** How often servers say how they are. */
  readonly heartbeatMs: number;
  /** An idle server is probed so long after anything was heard of it; plus or minus a quarter. 0: never. */
  readonly probeAfterMs: number;
}

export const DEFAULT_HEALTH: HealthOptions = {
  consecutiveFailures: 3,
  windowMs: 60_000,
  minAttempts: 10,
  minServers: 3,
  deviations: 1.9,
  latencyFactor: 4,
  ejectionMs: 10_000,
  maxEjectionMs: 300_000,
  maxEjectedShare: 0.3,
  maxPhi: 8,
  heartbeatMs: 5000,
  probeAfterMs: 15_000,
};

/** What of the options may be given. */
export const HEALTH_RULES = group<Partial<HealthOptions>>({
  consecutiveFailures: positive,
  windowMs: positive,
  minAttempts: positive,
  minServers: positive,
  deviations: amount,
  latencyFactor: amount,
  ejectionMs: amount,
  maxEjectionMs: amount,
  maxEjectedShare: share,
  maxPhi: amount,
  heartbeatMs: positive,
  probeAfterMs: amount,
});
