import { ChaosWorld } from './chaos-world.js';

const SEEDS = 20;

export interface SeedsOptions {
  /** How many seeds. Default 20. */
  readonly seeds?: number;
  /** The first. Default 1. */
  readonly from?: number;
}

/**
 * Runs a test in one world after the other, each of a seed of its own. Rejects at the first that fails, with an Error that
 * names the seed and the faults and has the test's own as its `cause`; run it again with `{ seeds: 1, from: SEED }`.
 */
export async function forEachSeed(
  { seeds = SEEDS, from = 1 }: SeedsOptions,
  test: (world: ChaosWorld) => Promise<void>,
): Promise<void> {
  for (let seed = from; seed < from + seeds; seed++) {
    const world = new ChaosWorld({ seed });
    try {
      await test(world);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${why}\n${world.report()}`, { cause });
    }
  }
}
