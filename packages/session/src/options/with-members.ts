/**
 * Options of which `own` has the last word, member by member: of a group that both have, `own` replaces the members that
 * it gives. Lists, functions and objects of a class are no groups, and are replaced whole.
 */
export function withMembers<Options extends object>(base: Options, own: Options): Options {
  const merged: Options = { ...base };
  for (const name of Object.keys(own) as (keyof Options)[]) {
    const [before, value] = [merged[name], own[name]];
    if (value === undefined) continue;
    merged[name] = isGroup(before) && isGroup(value) ? { ...before, ...value } : value;
  }
  return merged;
}

function isGroup(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
