import type { Decision, PathId, PathSnapshot, ScheduleRequest, Scheduler } from '@kwik/wire';
import { candidates, isSendable } from '../common/candidates.js';
import { send, waitFor } from '../common/decide.js';
import { arrivalMs, lowest } from '../common/estimate.js';
import { Patience } from '../common/patience.js';
import type { SchedulerFactory } from '../registry.js';
import { CopyBudget } from './copy-budget.js';
import { createLeastDelayScheduler } from './least-delay.js';

/** A path to which a stream keeps, and that is busy for so long, is left for a moment: it may be stuck. */
const AFFINITY_PATIENCE_MS = 500;
/** Of a piece on its way to a deadline: what one datagram takes. */
const DEADLINE_PIECE_BYTES = 1200;

/**
 * A scheduler that carries bulk as those of `factory` do, and other streams as they want to be carried: `fast` ones over the
 * path with the least delay, `reliable` ones with copies, those with a deadline or an affinity over the paths that suit them.
 */
export function withIntents(factory: SchedulerFactory): Scheduler {
  const policy = new IntentPolicy(factory);
  return {
    name: policy.name,
    select: (request, paths, now) => policy.select(request, paths, now),
    explain: (pathId) => policy.explain(pathId),
  };
}

class IntentPolicy {
  readonly #bulk: Scheduler;
  /** For streams that may not use all paths: the other one would take the missing paths for dead. */
  readonly #limited: Scheduler;
  readonly #fast = createLeastDelayScheduler();
  readonly #copies = new CopyBudget();
  readonly #affinityPatience = new Patience();

  constructor(factory: SchedulerFactory) {
    this.#bulk = factory();
    this.#limited = factory();
  }

  get name(): string {
    return this.#bulk.name;
  }

  /** Of bulk: what wants something particular is the exception. */
  explain(pathId: PathId): string | undefined {
    return this.#bulk.explain?.(pathId);
  }

  select(request: ScheduleRequest, paths: readonly PathSnapshot[], now: number): Decision {
    const decision = this.#first(request, paths, now);
    if (decision.kind === 'wait') return decision;
    this.#copies.sent(decision.maxBytes);
    return request.intent.mode === 'reliable' ? this.#withCopy(decision, request, paths, now) : decision;
  }

  /** The path of the piece itself. */
  #first(request: ScheduleRequest, paths: readonly PathSnapshot[], now: number): Decision {
    const { mode } = request.intent;
    const kept = this.#keptPath(request, paths, now);
    if (kept !== undefined) return kept;
    const timely = withinDeadline(request, paths);
    if (mode === 'fast') return this.#fast.select(request, timely, now);
    return (timely.length === paths.length ? this.#bulk : this.#limited).select(request, timely, now);
  }

  /** What follows from the stream's affinity; undefined: it has none, or its path is not well. */
  #keptPath(request: ScheduleRequest, paths: readonly PathSnapshot[], now: number): Decision | undefined {
    const { affinity } = request.intent;
    if (affinity === undefined) return undefined;
    const path = candidates(request, paths).find(({ id }) => id === affinity);
    if (path === undefined) return undefined;
    if (isSendable(path)) {
      this.#affinityPatience.end();
      return send(path, request);
    }
    const stuck = this.#affinityPatience.isOver(now, AFFINITY_PATIENCE_MS) && paths.some(isSendable);
    return stuck ? undefined : waitFor(path, now);
  }

  /** The copy takes the path on which it is there first, be it busy: it goes out before all else there. */
  #withCopy(
    decision: Extract<Decision, { kind: 'send' }>,
    request: ScheduleRequest,
    paths: readonly PathSnapshot[],
    now: number,
  ): Decision {
    const { pathId, maxBytes, duplicates } = decision;
    const others = candidates(request, paths).filter(({ id }) => id !== pathId && !duplicates.includes(id));
    if (duplicates.length > 0 || others.length === 0 || !this.#copies.pays(maxBytes, now)) return decision;
    const second = lowest(others, (path) => arrivalMs(path, maxBytes));
    return { ...decision, duplicates: [second.id] };
  }
}

/** The paths that are soon enough; all of them when none is. */
function withinDeadline(request: ScheduleRequest, paths: readonly PathSnapshot[]): readonly PathSnapshot[] {
  const { deadlineMs } = request.intent;
  if (deadlineMs === undefined) return paths;
  const timely = candidates(request, paths).filter((path) => arrivalMs(path, DEADLINE_PIECE_BYTES) <= deadlineMs);
  return timely.length > 0 ? timely : paths;
}
