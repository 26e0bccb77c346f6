/** Middle of the numbers, mean of the two middle ones when they are even; NaN of none. */
export function median(numbers: readonly number[]): number {
  return percentile(numbers, 50);
}

/** Percentile (0 to 100), linear between the two nearest ranks; NaN of none. */
export function percentile(numbers: readonly number[], percent: number): number {
  const sorted = Float64Array.from(numbers).sort();
  if (sorted.length === 0) return NaN;
  const rank = (Math.min(100, Math.max(0, percent)) / 100) * (sorted.length - 1);
  const below = Math.floor(rank);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (high - low) * (rank - below);
}

export function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

/** Jain's index of fairness: 1 when all have the same, 1/n when one has everything; 1 when nobody has anything. */
export function jain(shares: readonly number[]): number {
  const sum = shares.reduce((total, share) => total + share, 0);
  const squares = shares.reduce((total, share) => total + share * share, 0);
  return squares === 0 ? 1 : (sum * sum) / (shares.length * squares);
}

/**
 * What several paths bring beyond the best of them (Kaspar 2012, Paasch 2013): 1 is the sum of the paths, 0 the best path
 * alone, -1 nothing at all. `g`: goodput of all together; `gmax`: the best path alone; `s`: the sum of the paths alone.
 */
export function aggregationBenefit(g: number, gmax: number, s: number): number {
  if (g < gmax) return (g - gmax) / gmax;
  return s > gmax ? (g - gmax) / (s - gmax) : 0;
}

/** '±4 %': half the way from the least to the most, as a share of the median; '' of fewer than two. */
export function spread(numbers: readonly number[]): string {
  const middle = median(numbers);
  if (numbers.length < 2 || !(Math.abs(middle) > 0)) return '';
  const half = (Math.max(...numbers) - Math.min(...numbers)) / 2;
  return `±${Math.round((100 * half) / Math.abs(middle))} %`;
}
