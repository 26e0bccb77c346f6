import type { ServerQuery, ServerRecord } from '@kwik/wire';

/** Finds what has a capability, place or tag without looking at everything: sets by term. */
export class TermIndex<Item> {
  readonly #sets = new Map<string, Set<Item>>();

  add(item: Item, record: ServerRecord): void {
    for (const term of termsOfRecord(record)) {
      const set = this.#sets.get(term);
      if (set === undefined) this.#sets.set(term, new Set([item]));
      else set.add(item);
    }
  }

  remove(item: Item, record: ServerRecord): void {
    for (const term of termsOfRecord(record)) {
      const set = this.#sets.get(term);
      set?.delete(item);
      if (set?.size === 0) this.#sets.delete(term);
    }
  }

  /** A set that holds all that may suit, the smallest there is; undefined when the query names no term. */
  narrowest(query: ServerQuery): ReadonlySet<Item> | undefined {
    let narrowest: ReadonlySet<Item> | undefined;
    for (const term of termsOfQuery(query)) {
      const set = this.#sets.get(term);
      if (set === undefined) return new Set();
      if (narrowest === undefined || set.size < narrowest.size) narrowest = set;
    }
    return narrowest;
  }
}

function termsOfRecord({ capabilities, region, zone, tags }: ServerRecord): string[] {
  return [...capabilities.map((name) => `c:${name}`), `r:${region}`, `z:${zone}`, ...tags.map((tag) => `t:${tag}`)];
}

function termsOfQuery({ capabilities = [], region, zone, tags = [] }: ServerQuery): string[] {
  return [
    ...capabilities.map((name) => `c:${name}`),
    ...(region === undefined ? [] : [`r:${region}`]),
    ...(zone === undefined ? [] : [`z:${zone}`]),
    ...tags.map((tag) => `t:${tag}`),
  ];
}
