/** One look at something that should not grow. */
export interface Sample {
  readonly hours: number;
  readonly value: number;
}

/** What comes before is warming up: code is compiled, pools are filled. */
const WARM_SHARE = 0.2;
/** Of each the least counts: what is held when garbage has been collected, and no burst is under way. */
const BLOCKS = 12;
/** Fewer looks in a block say nothing. */
const MIN_IN_BLOCK = 2;

/**
 * Growth in an hour: the median of the slopes between all pairs of blocks (Theil and Sen), by the least value of each. Garbage, bursts
 * and a step that happens once do not move it, and what grows all the time does. Undefined for too few samples.
 */
export function slopePerHour(samples: readonly Sample[]): number | undefined {
  const settled = samples.slice(Math.floor(samples.length * WARM_SHARE));
  if (settled.length < BLOCKS * MIN_IN_BLOCK) return undefined;
  const size = settled.length / BLOCKS;
  const blocks = Array.from({ length: BLOCKS }, (_, index) =>
    leastOf(settled.slice(Math.floor(index * size), Math.floor((index + 1) * size))),
  );
  const slopes = blocks.flatMap((one, index) =>
    blocks.slice(index + 1).map((other) => (other.value - one.value) / (other.hours - one.hours)),
  );
  return slopes.sort((one, other) => one - other)[Math.floor(slopes.length / 2)];
}

/** The least value, at the middle of the block. */
function leastOf(block: readonly Sample[]): Sample {
  const hours = (block[0]!.hours + block.at(-1)!.hours) / 2;
  return { hours, value: Math.min(...block.map(({ value }) => value)) };
}
