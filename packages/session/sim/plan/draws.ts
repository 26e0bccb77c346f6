import type { RandomSource } from '@kwik/testbed';

export function pick<T>(random: RandomSource, choices: readonly T[]): T {
  return choices[random.below(choices.length)]!;
}

export function chance(random: RandomSource, rate: number): boolean {
  return random.chance(rate);
}

/** From `least` (included) to `most` (excluded). */
export function between(random: RandomSource, least: number, most: number): number {
  return least + random.below(most - least);
}

/** Sizes of every order of magnitude up to `most`, nothing at all among them. */
export function drawSize(random: RandomSource, most: number): number {
  const magnitude = random.below(6);
  if (magnitude === 0) return random.below(2);
  return random.below(Math.min(most, 10 ** magnitude) + 1);
}
