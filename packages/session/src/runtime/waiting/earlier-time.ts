/** The earlier of two times, where undefined stands for never. */
export function earlierTime(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : Math.min(a, b);
}
