/** Somebody who wants a part of what is scarce. */
export interface Claim {
  readonly want: number;
  /** Above 0: of what is scarce, one of weight 2 gets twice what one of weight 1 gets. */
  readonly weight: number;
}

/**
 * How high the water stands when the capacity is poured over all claims alike, each as wide as its weight: whoever wants more than
 * the level times its weight gets just that, and whoever wants less gets all of it. Infinity when there is enough for all. This is
 * weighted max-min fairness: nobody can have more without somebody having less who has no more of it per weight.
 */
export function waterLevel(capacity: number, claims: readonly Claim[]): number {
  // Most of the time there is enough, and nothing has to be put in order.
  if (claims.reduce((sum, { want }) => sum + want, 0) <= capacity) return Number.POSITIVE_INFINITY;
  const modest = [...claims].sort((one, other) => one.want / one.weight - other.want / other.weight);
  // Summed from the end: what is left of a sum after many subtractions is not exact.
  const weights = new Float64Array(modest.length + 1);
  for (let index = modest.length - 1; index >= 0; index--) {
    weights[index] = weights[index + 1]! + modest[index]!.weight;
  }
  let left = Math.max(0, capacity);
  for (const [index, { want, weight }] of modest.entries()) {
    const level = left / weights[index]!;
    if (want / weight > level) return level;
    left = Math.max(0, left - want);
  }
  return Number.POSITIVE_INFINITY;
}
