/**
 * What a server may be short of: memory that peers make it hold, time for its timers, connections, V8's heap, and what the process
 * may have resident.
 */
export type OverloadResource = 'memory' | 'eventLoop' | 'connections' | 'heap' | 'resident';

/** What it does about it, in this order: what costs peers least goes first. */
export type OverloadAction =
  | 'lessReadAhead'
  | 'noCopies'
  | 'noProbing'
  | 'fewerPaths'
  | 'singlePath'
  | 'refuseSessions'
  | 'endIdleSessions';

interface Step {
  readonly action: OverloadAction;
  /** From this pressure on, at once. */
  readonly from: number;
  /** Below this pressure no longer, once it has been below for `CALM_MS`. */
  readonly below: number;
}

/**
 * Contents are read ahead less, nothing is sent twice to save time, nothing is added for what is only expected, and paths that a session
 * can do without are drained, before anybody is refused; and new sessions are refused before any that is there ends. The gaps between
 * the two bounds of a step, and from step to step, keep it from turning around at each change.
 */
export const OVERLOAD_STEPS: readonly Step[] = [
  { action: 'lessReadAhead', from: 0.7, below: 0.6 },
  { action: 'noCopies', from: 0.73, below: 0.63 },
  { action: 'noProbing', from: 0.76, below: 0.66 },
  { action: 'fewerPaths', from: 0.79, below: 0.69 },
  { action: 'singlePath', from: 0.82, below: 0.72 },
  { action: 'refuseSessions', from: 0.85, below: 0.75 },
  { action: 'endIdleSessions', from: 0.95, below: 0.85 },
];
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
}

/**
 * Which steps against overload are in force: up at once, down one by one after a while of calm. Sans-IO; `now` in milliseconds on
 * any clock that only goes forward.
 */
export class OverloadPolicy {
  #taken = 0;
  #calmSinceMs: number | undefined;

  /** How many steps are taken. */
  get level(): number {
    return this.#taken;
  }

  has(action: OverloadAction): boolean {
    return OVERLOAD_STEPS.slice(0, this.#taken).some((step) => step.action === action);
  }

  /** The steps that are taken or taken back now. A pressure that is no number counts as none. */
  update(pressures: Pressures, now: number): OverloadChange[] {
    const [resource, pressure] = scarcest(pressures);
    const wanted = OVERLOAD_STEPS.filter(({ from }) => pressure >= from).length;
    const changes: OverloadChange[] = [];
    while (this.#taken < wanted) {
      changes.push({ action: OVERLOAD_STEPS[this.#taken++]!.action, on: true, resource, pressure });
    }
    const last = OVERLOAD_STEPS[this.#taken - 1];
    if (last === undefined || pressure >= last.below) this.#calmSinceMs = undefined;
    else this.#calmSinceMs ??= now;
    if (last !== undefined && this.#calmSinceMs !== undefined && now - this.#calmSinceMs >= CALM_MS) {
      this.#taken--;
      this.#calmSinceMs = now;
      changes.push({ action: last.action, on: false, resource, pressure });
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
