import { readCorpus } from './corpus.js';
import { judge } from './judge.js';
import { mutate, TestRandom } from './mutate.js';
import type { FuzzTarget } from './target.js';

/** Inputs kept because something new came of them. */
const MAX_KEPT = 2_000;

interface Finding {
  readonly input: Uint8Array;
  readonly why: string;
}

export interface CampaignResult {
  readonly inputs: number;
  /** Different outcomes seen. */
  readonly outcomes: number;
  readonly slowestMs: number;
  /** Inputs that brought about an outcome which neither seeds nor corpus did; the smallest for each. */
  readonly news: readonly Uint8Array[];
  readonly finding?: Finding;
}

/**
 * Mutates seeds, corpus, and whatever brought about something new, until `seconds` are over or a rule is broken. The
 * same seed tries the same inputs in the same order, as far as the time goes.
 */
export async function runCampaign(target: FuzzTarget, seconds: number, seed: number): Promise<CampaignResult> {
  const random = new TestRandom(seed);
  const pool = [...target.seeds(), ...readCorpus(target.name).map(({ input }) => input)];
  const known = new Set<string>();
  const news = new Map<string, Uint8Array>();
  let inputs = 0;
  let slowestMs = 0;
  const summary = (finding?: Finding): CampaignResult => ({
    inputs,
    outcomes: known.size + news.size,
    slowestMs,
    news: [...news.values()],
    ...(finding !== undefined && { finding }),
  });
  const attempt = async (input: Uint8Array): Promise<string | Finding> => {
    inputs++;
    const verdict = await judge(target, input);
    if (verdict.kind === 'broken') return { input, why: verdict.why };
    slowestMs = Math.max(slowestMs, verdict.ms);
    return verdict.outcome;
  };
  for (const input of pool) {
    const outcome = await attempt(input);
    if (typeof outcome !== 'string') return summary(outcome);
    known.add(outcome);
  }
  const endMs = performance.now() + seconds * 1000;
  while (performance.now() < endMs) {
    const input = draw(target, pool, random);
    const outcome = await attempt(input);
    if (typeof outcome !== 'string') return summary(outcome);
    const smallest = news.get(outcome);
    if (known.has(outcome) || (smallest !== undefined && smallest.length <= input.length)) continue;
    if (smallest === undefined && news.size >= MAX_KEPT) continue;
    news.set(outcome, input);
    pool.push(input);
  }
  return summary();
}

function draw(target: FuzzTarget, pool: readonly Uint8Array[], random: TestRandom): Uint8Array {
  const input = pool[random.below(pool.length)]!;
  const other = pool[random.below(pool.length)]!;
  const mutated = mutate(input, other, target.shape, random);
  return target.repair === undefined || random.below(5) === 0 ? mutated : target.repair(mutated);
}
