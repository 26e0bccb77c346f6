import { hashToUnit } from './hash.js';

export interface Weighted {
  readonly key: string;
  readonly weight: number;
}

/**
 * The `count` items that suit `owner`, by weighted rendezvous hashing: every owner has its own, each item is chosen in
 * proportion to its weight, and an item that comes or goes moves no other.
 */
export function rendezvousSubset<T extends Weighted>(items: readonly T[], owner: string, count: number): T[] {
  if (items.length <= count) return [...items];
  const scored = items.map((item) => ({
    item,
    score: -item.weight / Math.log(hashToUnit(`${owner}\n${item.key}`)),
  }));
  return scored
    .sort((one, other) => other.score - one.score)
    .slice(0, count)
    .map(({ item }) => item);
}
