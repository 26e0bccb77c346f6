import type { PolicyBound } from '@kwik/wire';
import { CandidateList, type ScalingCandidate } from './candidates.js';
import { DemandForecast, type DemandModel } from './demand-forecast.js';
import type { HourlyTable } from './hourly-table.js';
import { monthOf } from './months.js';
import type { MonthlySpending } from './monthly-spending.js';
import { ScalingPolicy, type ScalingDecision } from './scaling-policy.js';

/** A path that was never full may carry more than it has: by this factor it is trusted, so that it does not look full. */
const UNKNOWN_HEADROOM = 1.5;
/** While something waits, a path that carries less than it did has become slower, and each second is believed so much of it. */
const SLOWER_FACTOR = 0.9;

export interface ScalingEngineOptions {
  readonly candidates: readonly ScalingCandidate[];
  readonly maxPaths: number;
  readonly model?: DemandModel | undefined;
  /** Of all sessions that share the caps. Default: this one's own. */
  readonly spending?: MonthlySpending | undefined;
  /** What former days needed, of all sessions that share it. Default: this one's own. */
  readonly hours?: HourlyTable | undefined;
  /** False: paths are added for what is there alone, and not for what is only expected. Default: always true. */
  readonly anticipates?: () => boolean;
}

/** A path of the session as it is now. */
export interface MeasuredPath {
  readonly id: number;
  /** `host:port`, as the candidate names it. */
  readonly address: string;
  /** Bytes that it has carried since it began. */
  readonly carriedBytes: number;
  /** What it could carry, where that is known. */
  readonly capacityBytesPerSecond?: number;
}

export interface ScalingInput {
  readonly paths: readonly MeasuredPath[];
  /** Bytes that are wanted each second and not carried: what waits in queues, or at a reader. */
  readonly unmetBytesPerSecond: number;
}

export type ScalingAction =
  | {
      readonly kind: 'add';
      readonly candidate: ScalingCandidate;
      readonly reason: string;
      readonly bound: PolicyBound;
    }
  | { readonly kind: 'remove'; readonly pathId: number; readonly reason: string; readonly bound: PolicyBound }
  | { readonly kind: 'keep'; readonly reason: string };

interface Known {
  carriedBytes: number;
  usedBytesPerSecond: number;
  peakBytesPerSecond: number;
  /** Something waited while it carried that. */
  full: boolean;
}

/**
 * Decides which servers a session takes on and gives back. Sans-IO: `tick` once a second with what the paths carried, do what it
 * says, and tell `added`, `removed` or `failed` when that is done; until then it decides nothing more.
 */
export class ScalingEngine {
  readonly #candidates: CandidateList;
  readonly #forecast: DemandForecast;
  readonly #policy: ScalingPolicy;
  readonly #anticipates: () => boolean;
  readonly #known = new Map<number, Known>();
  /** Paths that it added, by number. */
  readonly #scaled = new Map<number, { readonly address: string; readonly addedAtMs: number }>();
  #busy: Exclude<ScalingAction, { kind: 'keep' }> | undefined;
  #busyWhy: 'surplus' | 'useless' = 'surplus';
  #tickedAtMs: number | undefined;
  #capacity = 0;
  #used = 0;
  #predicted = 0;

  constructor({ candidates, maxPaths, model, spending, hours, anticipates = () => true }: ScalingEngineOptions) {
    this.#candidates = new CandidateList(candidates, spending);
    this.#forecast = new DemandForecast(model, hours);
    this.#policy = new ScalingPolicy({ maxPaths });
    this.#anticipates = anticipates;
  }

  /** The session ends. */
  end(): void {
    this.#forecast.end();
  }

  /** These servers may be taken on from now on, the best of equals first; what is known of them is kept. */
  offer(candidates: readonly ScalingCandidate[]): void {
    this.#candidates.offer(candidates);
  }

  /** As of the last tick, bytes per second. */
  get figures(): {
    readonly capacity: number;
    readonly used: number;
    readonly predicted: number;
    readonly spent: number;
  } {
    return { capacity: this.#capacity, used: this.#used, predicted: this.#predicted, spent: this.#candidates.spent };
  }

  /** `now`: milliseconds on a clock that only goes forward; `wallMs`: milliseconds since 1970. */
  tick({ paths, unmetBytesPerSecond }: ScalingInput, now: number, wallMs: number): ScalingAction {
    const first = this.#tickedAtMs === undefined;
    this.#measure(paths, unmetBytesPerSecond > 0, now, wallMs);
    this.#used = paths.reduce((sum, { id }) => sum + this.#known.get(id)!.usedBytesPerSecond, 0);
    this.#capacity = paths.reduce((sum, path) => sum + capacityOf(path, this.#known.get(path.id)!), 0);
    if (first) return { kind: 'keep', reason: 'nothing is measured yet' };
    const demand = this.#used + unmetBytesPerSecond;
    const expected = this.#forecast.observe(demand, wallMs);
    // Nothing is added for what is only expected while nobody knows what the paths can carry.
    const known = paths.every((path) => this.#isKnown(path));
    const wanted = known && this.#anticipates() ? expected : { bytesPerSecond: demand, by: 'now' as const };
    this.#predicted = expected.bytesPerSecond;
    const decision = this.#policy.decide(
      {
        capacityBytesPerSecond: this.#capacity,
        usedBytesPerSecond: this.#used,
        wanted,
        expected,
        paths: paths.length,
        scaled: this.#scaledPaths(paths),
        busy: this.#busy !== undefined,
      },
      now,
    );
    const action = this.#actionFor(this.#spentPath(paths) ?? decision, paths, now);
    if (action.kind !== 'keep') this.#busy = action;
    return action;
  }

  /**
   * Somebody asks for a path more (`change` above 0) or one less. The same rests and bounds hold as for what is decided here;
   * what is done or why nothing is.
   */
  ask(change: number, why: string, paths: readonly MeasuredPath[], now: number, wallMs: number): ScalingAction {
    this.#candidates.at(monthOf(wallMs));
    const scaled = paths.filter(({ id }) => this.#scaled.has(id)).map(({ id }) => id);
    const decision = this.#policy.decideAsked(
      { change, why, paths: paths.length, scaled, busy: this.#busy !== undefined },
      now,
    );
    const action = this.#actionFor(decision, paths, now);
    if (action.kind !== 'keep') this.#busy = action;
    return action;
  }

  /** The path that was asked for carries data. */
  added(pathId: number, now: number): void {
    if (this.#busy?.kind !== 'add') return;
    const { address } = this.#busy.candidate;
    this.#scaled.set(pathId, { address, addedAtMs: now });
    this.#candidates.worked(address);
    this.#busy = undefined;
    this.#policy.added(now);
  }

  /** The path that was to go has gone. */
  removed(now: number): void {
    if (this.#busy?.kind !== 'remove') return;
    this.#forget(this.#busy.pathId, now, this.#busyWhy === 'useless');
    this.#busy = undefined;
    this.#policy.removed(now);
  }

  /** What was to be done could not be. */
  failed(now: number): void {
    if (this.#busy?.kind === 'add') this.#candidates.failed(this.#busy.candidate.address, now);
    this.#busy = undefined;
    this.#policy.failed(now);
  }

  /** A path is gone that nobody wanted to go, and will not be connected again. */
  lost(pathId: number, now: number): void {
    this.#forget(pathId, now, false);
  }

  #forget(pathId: number, now: number, useless: boolean): void {
    const path = this.#scaled.get(pathId);
    if (path !== undefined) this.#candidates.released(path.address, now, useless);
    this.#scaled.delete(pathId);
  }

  #measure(paths: readonly MeasuredPath[], full: boolean, now: number, wallMs: number): void {
    const seconds = Math.max(0.001, (now - (this.#tickedAtMs ?? now - 1000)) / 1000);
    this.#tickedAtMs = now;
    const month = monthOf(wallMs);
    this.#candidates.at(month);
    for (const id of this.#known.keys()) if (!paths.some((path) => path.id === id)) this.#known.delete(id);
    for (const { id, address, carriedBytes } of paths) {
      const known = this.#known.get(id) ?? { ...NOTHING_KNOWN, carriedBytes };
      this.#known.set(id, known);
      // A path that was connected again counts anew.
      const bytes = Math.max(0, carriedBytes - known.carriedBytes);
      known.carriedBytes = carriedBytes;
      known.usedBytesPerSecond = bytes / seconds;
      const least = full && known.usedBytesPerSecond > 0 ? SLOWER_FACTOR : 1;
      known.peakBytesPerSecond = Math.max(least * known.peakBytesPerSecond, known.usedBytesPerSecond);
      known.full ||= full && known.usedBytesPerSecond > 0;
      this.#candidates.charge(address, bytes, month);
    }
  }

  /** What the path can carry is known, or it has not carried anything yet. */
  #isKnown({ id, capacityBytesPerSecond }: MeasuredPath): boolean {
    const { full, peakBytesPerSecond } = this.#known.get(id)!;
    return full || capacityBytesPerSecond !== undefined || peakBytesPerSecond === 0;
  }

  /** The dearest first: it goes first. */
  #scaledPaths(paths: readonly MeasuredPath[]) {
    return paths
      .flatMap(({ id, address }) => {
        const scaled = this.#scaled.get(id);
        if (scaled === undefined) return [];
        return [
          { id, address, addedAtMs: scaled.addedAtMs, usedBytesPerSecond: this.#known.get(id)!.usedBytesPerSecond },
        ];
      })
      .sort((a, b) => {
        if (this.#candidates.isDearer(a.address, b.address)) return -1;
        if (this.#candidates.isDearer(b.address, a.address)) return 1;
        return a.usedBytesPerSecond - b.usedBytesPerSecond;
      });
  }

  /** A server whose bytes of the month are used up goes, whatever the demand. */
  #spentPath(paths: readonly MeasuredPath[]): ScalingDecision | undefined {
    if (this.#busy !== undefined) return undefined;
    const path = paths.find(({ id, address }) => this.#scaled.has(id) && this.#candidates.isSpent(address));
    if (path === undefined) return undefined;
    const reason = `${path.address} has sent what it may in a month`;
    return { kind: 'remove', pathId: path.id, why: 'surplus', reason, bound: this.#candidates.cap(path.address) };
  }

  #actionFor(decision: ScalingDecision, paths: readonly MeasuredPath[], now: number): ScalingAction {
    if (decision.kind === 'keep') return decision;
    if (decision.kind === 'remove') {
      this.#busyWhy = decision.why;
      return { kind: 'remove', pathId: decision.pathId, reason: decision.reason, bound: decision.bound };
    }
    const inUse = paths.map(({ address }) => address);
    const candidate = this.#candidates.take(now, inUse);
    if (candidate === undefined) return { kind: 'keep', reason: `${decision.reason}, but no server is left` };
    return { kind: 'add', candidate, reason: decision.reason, bound: decision.bound };
  }
}

const NOTHING_KNOWN = { usedBytesPerSecond: 0, peakBytesPerSecond: 0, full: false };

function capacityOf({ capacityBytesPerSecond = 0 }: MeasuredPath, { peakBytesPerSecond: peak, full }: Known): number {
  return Math.max(capacityBytesPerSecond, full ? peak : UNKNOWN_HEADROOM * peak);
}
