import type { PolicyBound } from '@kwik/wire';
import { POLICY_STEPS, type OverloadAction, type PolicyStep } from '../policy-steps.js';

/**
 * What a server may be short of: memory that peers make it hold, time for its timers, connections, V8's heap, and what the process
 * may have resident.
 */
export type OverloadResource = 'memory' | 'eventLoop' | 'connections' | 'heap' | 'resident';

/** Pressure must have been low for so long before a step is taken back, one at a time. */
export const CALM_MS = 2000;

/** From 0, nothing of the budget is used, to 1 and beyond. */
export type Pressures = Readonly<Record<OverloadResource, number>>;

/** A step that is taken, or taken back. */
export interface OverloadChange {
  readonly action: OverloadAction;
  readonly on: boolean;
  /** The scarcest, and its pressure. */
  readonly resource: OverloadResource;
  readonly pressure: number;
  /** Of the step: the one that it is taken at, or below which it is taken back. */
  readonly bound: PolicyBound;
}

/**
 * Which steps against overload are in force: up at once, down one by one after a while of calm. Sans-IO; `now` in milliseconds on
 * any clock that only goes forward.
 */
export class OverloadPolicy {
  readonly #steps: readonly PolicyStep[];
  #taken = 0;
  #calmSinceMs: number | undefined;

  constructor(steps = POLICY_STEPS) {
    this.#steps = steps;
  }

  /** How many steps are taken. */
  get level(): number {
    return this.#taken;
  }

  /** Those in force, in their order. */
  get taken(): readonly PolicyStep[] {
    return this.#steps.slice(0, this.#taken);
  }

  /** The steps that are taken or taken back now. A pressure that is no number counts as none. */
  update(pressures: Pressures, now: number): OverloadChange[] {
    const [resource, pressure] = scarcest(pressures);
    const wanted = this.#steps.filter(({ from }) => pressure >= from).length;
    const changes: OverloadChange[] = [];
    while (this.#taken < wanted) {
      const { action, from } = this.#steps[this.#taken++]!;
      const bound = { name: `${action} from`, limit: from, value: pressure };
      changes.push({ action, on: true, resource, pressure, bound });
    }
    const last = this.#steps[this.#taken - 1];
    if (last === undefined || pressure >= last.below) this.#calmSinceMs = undefined;
    else this.#calmSinceMs ??= now;
    if (last !== undefined && this.#calmSinceMs !== undefined && now - this.#calmSinceMs >= CALM_MS) {
      this.#taken--;
      this.#calmSinceMs = now;
      const bound = { name: `${last.action} below`, limit: last.below, value: pressure };
      changes.push({ action: last.action, on: false, resource, pressure, bound });
    }
    return changes;
  }
}

/** The resource of which least is left, and its pressure; memory where nothing is used of any. */
export function scarcest(pressures: Pressures): [OverloadResource, number] {
  let worst: [OverloadResource, number] = ['memory', 0];
  for (const [resource, pressure] of Object.entries(pressures) as [OverloadResource, number][]) {
    if (pressure > worst[1]) worst = [resource, pressure];
  }
  return worst;
}
