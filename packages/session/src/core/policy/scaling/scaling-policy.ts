import type { PolicyBound } from '@kwik/wire';
import type { Forecast } from './demand-forecast.js';

/** Demand above this share of what the paths carry wants another path; below the other one, for so long, one less. */
const HIGH_SHARE = 0.8;
const LOW_SHARE = 0.3;
/** Three samples, so that a path is asked for within 5 s (V3.1) and no single burst does it. */
const HIGH_FOR_MS = 2000;
const LOW_FOR_MS = 60_000;
/** Paths are enough when demand takes this share of them: between the two, so that one more or less does not turn it around. */
const TARGET_SHARE = 0.6;
/** No path goes that was recommended in this time. */
const REMEMBER_MS = 300_000;
/** After a path came, and after one went, before the next change. */
const REST_AFTER_ADD_MS = 10_000;
const REST_AFTER_REMOVE_MS = 30_000;
/** An action that failed is tried again after this, with another server if there is one. */
const REST_AFTER_FAILURE_MS = 500;
/** An added path has so long to carry this share of what is carried in all. */
const TRIAL_MS = 15_000;
const TRIAL_SHARE = 0.02;

/** A path that scaling added. */
interface ScaledPath {
  readonly id: number;
  readonly addedAtMs: number;
  /** Bytes per second that it carries now. */
  readonly usedBytesPerSecond: number;
}

/** What the policy is shown once a second. */
export interface CapacitySample {
  /** Of all paths: what they could carry, and what they do, bytes per second. */
  readonly capacityBytesPerSecond: number;
  readonly usedBytesPerSecond: number;
  /** What a path is added for. */
  readonly wanted: Forecast;
  /** What paths are kept for: as much, or more. */
  readonly expected: Forecast;
  /** Paths that carry data now, whoever added them. */
  readonly paths: number;
  /** Those that scaling added, the first to go first. */
  readonly scaled: readonly ScaledPath[];
  /** What is being added or removed now: no further decision until that is done. */
  readonly busy: boolean;
}

export type ScalingDecision =
  | { readonly kind: 'add'; readonly reason: string; readonly bound: PolicyBound }
  | {
      readonly kind: 'remove';
      readonly pathId: number;
      readonly why: 'surplus' | 'useless';
      readonly reason: string;
      readonly bound: PolicyBound;
    }
  | { readonly kind: 'keep'; readonly reason: string };

/** A path more or less that somebody asked for. */
export interface AskedChange {
  readonly change: number;
  readonly why: string;
  /** Paths that carry data now. */
  readonly paths: number;
  /** Those that scaling added. */
  readonly scaled: readonly number[];
  readonly busy: boolean;
}

export interface ScalingBounds {
  /** Paths that carry data, with those that scaling did not add. */
  readonly maxPaths: number;
}

/**
 * How many paths a session is to have. One step at a time, rests between steps, a wide dead band, no path removed that was
 * recommended in the last five minutes, and a trial for each path that was added. Sans-IO; `now` in milliseconds.
 */
export class ScalingPolicy {
  readonly #bounds: ScalingBounds;
  #highSinceMs: number | undefined;
  #lowSinceMs: number | undefined;
  #restUntilMs = Number.NEGATIVE_INFINITY;
  /** The newest last; only those that a later one does not exceed. */
  #recommended: { readonly atMs: number; readonly paths: number }[] = [];

  constructor(bounds: ScalingBounds) {
    this.#bounds = bounds;
  }

  decide(sample: CapacitySample, now: number): ScalingDecision {
    const share = shareOf(sample.wanted, sample);
    const expectedShare = shareOf(sample.expected, sample);
    this.#recommend(sample, now);
    this.#highSinceMs = share > HIGH_SHARE ? (this.#highSinceMs ?? now) : undefined;
    this.#lowSinceMs = expectedShare < LOW_SHARE ? (this.#lowSinceMs ?? now) : undefined;
    if (sample.busy) return keep('a change is under way');
    const useless = this.#uselessPath(sample, now);
    if (useless !== undefined) return useless;
    if (now < this.#restUntilMs) return keep(this.#resting(now));
    if (this.#highSinceMs !== undefined && now - this.#highSinceMs >= HIGH_FOR_MS) return this.#more(sample, share);
    if (this.#lowSinceMs !== undefined && now - this.#lowSinceMs >= LOW_FOR_MS)
      return this.#fewer(sample, expectedShare);
    return keep(`demand is ${percent(share)} of capacity`);
  }

  /** What is asked for is done unless a bound or a rest speaks against it: nobody can have paths come and go at will. */
  decideAsked({ change, why, paths, scaled, busy }: AskedChange, now: number): ScalingDecision {
    const { maxPaths } = this.#bounds;
    if (change === 0) return keep('a change by 0 paths is none');
    if (busy) return keep('a change is under way');
    if (now < this.#restUntilMs) return keep(this.#resting(now));
    const bound = { name: 'paths of the session', limit: maxPaths, value: paths };
    if (change > 0)
      return paths >= maxPaths ? keep(`the session has its ${maxPaths} paths`) : { kind: 'add', reason: why, bound };
    const [pathId] = scaled;
    if (pathId === undefined) return keep('no path is left that scaling added');
    return { kind: 'remove', pathId, why: 'surplus', reason: why, bound };
  }

  /** The path that was asked for is there. */
  added(now: number): void {
    this.#restUntilMs = now + REST_AFTER_ADD_MS;
  }

  removed(now: number): void {
    this.#restUntilMs = now + REST_AFTER_REMOVE_MS;
    this.#lowSinceMs = undefined;
  }

  failed(now: number): void {
    this.#restUntilMs = now + REST_AFTER_FAILURE_MS;
  }

  #resting(now: number): string {
    return `it rests for ${Math.ceil(this.#restUntilMs - now)} ms after the last change`;
  }

  #more({ paths, wanted }: CapacitySample, share: number): ScalingDecision {
    if (paths >= this.#bounds.maxPaths) return keep(`the session has its ${this.#bounds.maxPaths} paths`);
    const reason = `demand (${wanted.by}) is ${percent(share)} of what ${paths} paths carry`;
    return { kind: 'add', reason, bound: { name: 'high share of capacity', limit: HIGH_SHARE, value: share } };
  }

  #fewer({ paths, scaled }: CapacitySample, share: number): ScalingDecision {
    const highest = this.#recommended[0]?.paths ?? 1;
    const first = scaled[0];
    if (first === undefined) return keep('no path is left that scaling added');
    if (paths <= highest) return keep(`${highest} paths were needed in the last ${REMEMBER_MS / 1000} s`);
    const reason = `demand was below ${percent(LOW_SHARE)} for ${LOW_FOR_MS / 1000} s, and is ${percent(share)}`;
    const bound = { name: 'low share of capacity', limit: LOW_SHARE, value: share };
    return { kind: 'remove', pathId: first.id, why: 'surplus', reason, bound };
  }

  /** Only where there is something to carry: a path that nobody needed has not failed. */
  #uselessPath({ scaled, usedBytesPerSecond }: CapacitySample, now: number): ScalingDecision | undefined {
    if (this.#highSinceMs === undefined) return undefined;
    const path = scaled.find(({ addedAtMs, usedBytesPerSecond: used }) => {
      return now - addedAtMs >= TRIAL_MS && used < TRIAL_SHARE * usedBytesPerSecond;
    });
    if (path === undefined) return undefined;
    const reason = `after ${TRIAL_MS / 1000} s it carries less than ${percent(TRIAL_SHARE)} of all`;
    const value = path.usedBytesPerSecond / usedBytesPerSecond;
    const bound = { name: 'share that a path on trial carries', limit: TRIAL_SHARE, value };
    return { kind: 'remove', pathId: path.id, why: 'useless', reason, bound };
  }

  /** The highest of the last 300 s stays first: each new one drops those before it that it exceeds. */
  #recommend({ expected, capacityBytesPerSecond: capacity, paths }: CapacitySample, now: number): void {
    const each = paths > 0 ? capacity / paths : 0;
    const wanted = each > 0 ? Math.ceil(expected.bytesPerSecond / (TARGET_SHARE * each)) : 1;
    const recommended = { atMs: now, paths: Math.max(1, Math.min(wanted, this.#bounds.maxPaths)) };
    this.#recommended = this.#recommended.filter(
      (one) => one.paths > recommended.paths && now - one.atMs < REMEMBER_MS,
    );
    this.#recommended.push(recommended);
  }
}

function shareOf({ bytesPerSecond }: Forecast, { capacityBytesPerSecond: capacity }: CapacitySample): number {
  return capacity > 0 ? bytesPerSecond / capacity : 0;
}

function keep(reason: string): ScalingDecision {
  return { kind: 'keep', reason };
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
