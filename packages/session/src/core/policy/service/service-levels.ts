import type { PathState } from '@kwik/paths';
import type { ErrorCode, PathId, PolicyBound, ServiceLevel } from '@kwik/wire';

/** A path as it is now, as far as service is concerned. */
export interface ServicePath {
  readonly id: PathId;
  readonly address: string;
  readonly state: PathState;
  readonly reason?: string;
  readonly errorCode?: ErrorCode;
}

/** Why this end gives less than it could, in words; undefined while it is short of nothing. */
export type Shortage = string | undefined;

const FULL: ServiceLevel = { level: 'full', reason: '' };

/** From everything to nothing. */
export const SERVICE_RANKS: readonly ServiceLevel['level'][] = ['full', 'reduced', 'minimal', 'none'];
/** Lost paths of which it is known that they were counted; a session has 16 paths at a time. */
const MAX_COUNTED = 64;

/**
 * How much of its service a session has, as its paths come and go. It is to have as many usable paths as it ever had at once; a
 * path that is removed on purpose is missed no longer, and another path may take the place of one that was lost. Sans-IO.
 */
export class ServiceLevels {
  readonly #usable = new Map<PathId, PathState>();
  /** Numbers that are among the paths which the session is to have. */
  #counted = new Set<PathId>();
  readonly #draining = new Set<PathId>();
  #most = 0;
  /** Of the last path that was lost, or worsened. */
  #why = '';
  #shortage: Shortage;
  #shortBound: PolicyBound | undefined;
  #level = FULL;

  get level(): ServiceLevel {
    return this.#level;
  }

  /** What the level was measured against: what is short, where nothing else is missing. */
  get bound(): PolicyBound {
    const states = [...this.#usable.values()];
    const paths = { name: 'paths that carry data', limit: this.#most, value: states.length };
    if (states.length < this.#most) return paths;
    const healthy = states.filter((state) => state !== 'degraded').length;
    if (healthy < states.length) return { name: 'paths in good health', limit: this.#most, value: healthy };
    return this.#shortage === undefined ? paths : (this.#shortBound ?? paths);
  }

  /** A path is as it is now. True when the level is another one. */
  onPath({ id, address, state, reason, errorCode }: ServicePath): boolean {
    // What was drained goes on purpose, whatever its end is called.
    const wasDrained = this.#draining.delete(id);
    if (state === 'draining') this.#draining.add(id);
    const isRemoved = state === 'draining' || wasDrained || errorCode === 'ERR_KWIK_PATH_REMOVED';
    if (isUsable(state)) this.#usable.set(id, state);
    else this.#usable.delete(id);
    if (isRemoved) this.#missNoLonger(id);
    else if (state === 'dead' || state === 'suspected' || state === 'degraded') {
      this.#why = `path ${id} to ${address} is ${state}${reason === undefined ? '' : `: ${reason}`}`;
    }
    this.#count();
    return this.#decide();
  }

  /** This end is short of something, or is not any more; `bound`: of the step that it took. True when the level is another one. */
  onShortage(shortage: Shortage, bound?: PolicyBound): boolean {
    this.#shortage = shortage;
    this.#shortBound = bound;
    return this.#decide();
  }

  #missNoLonger(id: PathId): void {
    if (this.#counted.delete(id)) this.#most = Math.max(this.#usable.size, this.#most - 1);
  }

  #count(): void {
    if (this.#usable.size >= this.#most) {
      this.#most = this.#usable.size;
      this.#counted = new Set(this.#usable.keys());
      return;
    }
    for (const id of this.#usable.keys()) this.#counted.add(id);
    for (const oldest of this.#counted) if (this.#counted.size > MAX_COUNTED) this.#counted.delete(oldest);
  }

  #decide(): boolean {
    const before = this.#level;
    this.#level = this.#now();
    return before.level !== this.#level.level;
  }

  #now(): ServiceLevel {
    const { size } = this.#usable;
    const most = this.#most;
    if (size === 0 && most > 0) return { level: 'none', reason: `no path carries data: ${this.#why}` };
    if (size < most) {
      const reason = `${size} of ${most} paths ${size === 1 ? 'carries' : 'carry'} data: ${this.#why}`;
      return { level: size === 1 ? 'minimal' : 'reduced', reason };
    }
    if ([...this.#usable.values()].includes('degraded')) return { level: 'reduced', reason: this.#why };
    return this.#shortage === undefined ? FULL : { level: 'reduced', reason: this.#shortage };
  }
}

function isUsable(state: PathState): boolean {
  return state === 'active' || state === 'degraded' || state === 'suspended';
}
