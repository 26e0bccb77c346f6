/**
 * The power of two choices: takes two at random and keeps the cheaper, again and again. Clients that know the same then do
 * not all run to the same server, as they would if each took the best.
 */
export function twoChoices<T>(
  items: readonly T[],
  count: number,
  costOf: (item: T) => number,
  random: () => number,
): { readonly item: T; readonly over: T | undefined }[] {
  const left = [...items];
  const chosen: { item: T; over: T | undefined }[] = [];
  while (chosen.length < count && left.length > 0) {
    const one = indexBelow(left.length, random);
    // Another than the first: of the rest, shifted past it.
    const other = left.length > 1 ? (one + 1 + indexBelow(left.length - 1, random)) % left.length : one;
    const better = costOf(left[other]!) < costOf(left[one]!) ? other : one;
    const worse = better === one ? other : one;
    chosen.push({ item: left[better]!, over: worse === better ? undefined : left[worse]! });
    left.splice(better, 1);
  }
  return chosen;
}

function indexBelow(length: number, random: () => number): number {
  return Math.min(length - 1, Math.floor(random() * length));
}
