import { optionRules } from '@kwik/wire';

const { amount, group, positive, share, text } = optionRules;

/** How much each criterion counts: an exponent, so 0 leaves it out and 2 makes twice the round trip count four times. */
export interface CriteriaWeights {
  readonly rtt: number;
  readonly load: number;
  readonly weight: number;
  readonly trust: number;
}

export interface SelectionPolicy {
  /** Who chooses: the same owner gets the same subset as long as servers stay. */
  readonly owner: string;
  /** Where the owner stands; empty when not known. */
  readonly region: string;
  readonly zone: string;
  /** Servers that an owner deals with, of all that there are. Keeps connections few where clients are many. */
  readonly subsetSize: number;
  readonly weights: CriteriaWeights;
  /** A place whose usable servers have more load than this on average spills over into the next. */
  readonly spillLoad: number;
  /** A newcomer gets its full share after so many milliseconds. */
  readonly slowStartMs: number;
  /** With fewer healthy servers than this share, health is ignored: the others would break under the load. */
  readonly panicShare: number;
}

export const DEFAULT_POLICY: SelectionPolicy = {
  owner: '',
  region: '',
  zone: '',
  subsetSize: 16,
  weights: { rtt: 1, load: 1, weight: 1, trust: 1 },
  spillLoad: 0.8,
  slowStartMs: 30_000,
  // As Envoy: https://www.envoyproxy.io, "panic threshold".
  panicShare: 0.5,
};

/** What of a policy may be given. */
export const POLICY_RULES = group<Partial<SelectionPolicy>>({
  owner: text,
  region: text,
  zone: text,
  subsetSize: positive,
  weights: group<CriteriaWeights>({ rtt: amount, load: amount, weight: amount, trust: amount }, [
    'rtt',
    'load',
    'weight',
    'trust',
  ]),
  spillLoad: amount,
  slowStartMs: amount,
  panicShare: share,
});
