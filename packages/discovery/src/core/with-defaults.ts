/** Options with their defaults. A member that is undefined counts as left out. */
export function withDefaults<Options extends object>(defaults: Options, given: Partial<Options> = {}): Options {
  const said = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...defaults, ...(Object.fromEntries(said) as Partial<Options>) };
}
