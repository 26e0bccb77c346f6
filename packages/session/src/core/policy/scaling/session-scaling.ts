import type { OneDecision } from '../policy-decision.js';
import {
  ScalingEngine,
  type MeasuredPath,
  type ScalingAction,
  type ScalingEngineOptions,
  type ScalingInput,
} from './scaling-engine.js';
import type { ScalingCandidate } from './candidates.js';

/** What became of a change of the paths, as those say it who know the session. */
export type ScalingOutcome = Pick<OneDecision, 'step' | 'result' | 'server' | 'reason' | 'figures' | 'bound' | 'atMs'>;

/** A change that is under way. */
type Change = Pick<OneDecision, 'step' | 'server' | 'reason' | 'bound'>;

/** The scaling rules of one session. What they decide is told once, when it is done or has failed. As `ScalingEngine`. */
export class SessionScaling {
  readonly #engine: ScalingEngine;
  readonly #decided: (outcome: ScalingOutcome) => void;
  #change: Change | undefined;
  /** Paths that it added and that are there. */
  readonly #added = new Set<number>();

  constructor(options: ScalingEngineOptions, decided: (outcome: ScalingOutcome) => void) {
    this.#engine = new ScalingEngine(options);
    this.#decided = decided;
  }

  get figures(): ScalingEngine['figures'] {
    return this.#engine.figures;
  }

  offer(candidates: readonly ScalingCandidate[]): void {
    this.#engine.offer(candidates);
  }

  tick(input: ScalingInput, now: number, wallMs: number): ScalingAction {
    return this.#begun(this.#engine.tick(input, now, wallMs), input.paths);
  }

  ask(change: number, why: string, paths: readonly MeasuredPath[], now: number, wallMs: number): ScalingAction {
    return this.#begun(this.#engine.ask(change, why, paths, now, wallMs), paths);
  }

  added(pathId: number, now: number): void {
    this.#engine.added(pathId, now);
    this.#added.add(pathId);
    this.#ended('done', '', now);
  }

  removed(pathId: number, now: number): void {
    this.#engine.removed(now);
    this.#added.delete(pathId);
    this.#ended('done', '', now);
  }

  /** `why`: in words. */
  failed(why: string, now: number): void {
    this.#engine.failed(now);
    this.#ended('failed', `; ${why}`, now);
  }

  /** A path to that server is gone that nobody wanted to go, and will not be connected again. */
  lost(pathId: number, server: string, reason: string, now: number): void {
    const before = this.#added.size;
    this.#engine.lost(pathId, now);
    this.#added.delete(pathId);
    const bound = { name: 'paths that scaling added', limit: before, value: this.#added.size };
    this.#tell({ step: 'degrade', server, reason, bound }, 'done', now);
  }

  end(): void {
    this.#engine.end();
  }

  #begun(action: ScalingAction, paths: readonly MeasuredPath[]): ScalingAction {
    if (action.kind === 'keep') return action;
    const { kind: step, reason, bound } = action;
    const server =
      action.kind === 'add' ? action.candidate.address : paths.find(({ id }) => id === action.pathId)?.address;
    this.#change = { step, server: server ?? '', reason, bound };
    return action;
  }

  #ended(result: OneDecision['result'], besides: string, now: number): void {
    const change = this.#change;
    this.#change = undefined;
    if (change !== undefined) this.#tell({ ...change, reason: `${change.reason}${besides}` }, result, now);
  }

  #tell(change: Change, result: OneDecision['result'], atMs: number): void {
    const { used, capacity, predicted, spent } = this.#engine.figures;
    const figures = {
      usedBytesPerSecond: used,
      capacityBytesPerSecond: capacity,
      predictedBytesPerSecond: predicted,
      spent,
    };
    this.#decided({ ...change, result, figures, atMs });
  }
}
