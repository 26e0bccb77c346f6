import { kindOfSeed, planOfSeed, type PlanKind } from '../plan/draw-plan.js';
import type { Canary } from '../rules/canary.js';
import { runPlan } from './run-plan.js';

/** What a worker is asked: seeds `from`, `from + 1`, … */
export interface Batch {
  readonly from: number;
  readonly count: number;
  readonly canary: Canary | undefined;
  readonly kind: PlanKind | 'all';
}

/** One line per seed that fails; undefined for a seed that passes. */
export interface SeedReport {
  readonly seed: number;
  readonly failure: string | undefined;
}

process.on('message', (batch: Batch) => {
  void (async () => {
    for (let seed = batch.from; seed < batch.from + batch.count; seed++) {
      const { violation } = await runPlan(planOfSeed(seed, kindOfSeed(seed, batch.kind)), { canary: batch.canary });
      const failure = violation && `${violation.rule}: ${violation.detail}`;
      process.send?.({ seed, failure } satisfies SeedReport);
    }
  })();
});
// Whoever started it has gone.
process.on('disconnect', () => process.exit(0));
