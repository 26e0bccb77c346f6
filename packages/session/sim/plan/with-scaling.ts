import { SeededRandom, type LinkShape } from '@kwik/testbed';
import { between, pick } from './draws.js';
import type { ContentPlan, Plan } from './plan.js';

const MAX_RATE_BPS = 500_000;
const MIN_CONTENT_BYTES = 200_000;
const MAX_CONTENT_BYTES = 524_288;
const LATEST_START_MS = 4000;

/**
 * The same topology, faults and clocks, but nobody adds servers: the primary takes them on and gives them back as its client's
 * demand has it. There is enough content, over links slow enough, that it does.
 */
export function withScaling(plan: Plan): Plan {
  const random = new SeededRandom(plan.seed).fork('scaling');
  const contents = Array.from({ length: pick(random, [1, 2, 3]) }, (_, index): ContentPlan => {
    const size = between(random, MIN_CONTENT_BYTES, MAX_CONTENT_BYTES);
    const startMs = random.below(LATEST_START_MS);
    const reader = { kind: 'eager' } as const;
    return { name: `content ${index}`, startMs, seed: 1 + random.below(1e9), head: 0, size, tail: 0, reader };
  });
  const servers = plan.servers.map((server) => ({ ...server, shape: slowed(server.shape) }));
  return { ...plan, servers, contents, contributions: [], raws: [], paths: [], scaling: true };
}

/** In both directions no faster than what a content takes seconds over. */
function slowed(shape: LinkShape): LinkShape {
  const limit = (one: LinkShape['both']) =>
    one?.rateBitsPerSecond === undefined
      ? one
      : { ...one, rateBitsPerSecond: Math.min(one.rateBitsPerSecond, MAX_RATE_BPS) };
  const { both, up, down } = shape;
  return {
    ...(both !== undefined && { both: limit(both)! }),
    ...(up !== undefined && { up: limit(up)! }),
    ...(down !== undefined && { down: limit(down)! }),
  };
}
