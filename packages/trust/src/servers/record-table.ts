import type { ServerRecord, Standing } from './server-record.js';

/** Who is forgotten first. Names cost nothing: those in good standing must not hide a liar, nor those that merely failed. */
const ORDER: readonly Standing[] = ['good', 'quarantine', 'probation', 'excluded'];

/**
 * What is remembered of servers, bounded. When it is full, one of the best standing goes, of these the one that was not heard of
 * for longest: nobody makes it forget an exclusion but by as many exclusions as it holds.
 */
export class RecordTable {
  readonly #maxRecords: number;
  readonly #records = new Map<string, { readonly record: ServerRecord; readonly standing: Standing }>();
  /** By the standing that they had when they were put; the least recently put first. */
  readonly #keys: Readonly<Record<Standing, Set<string>>> = {
    good: new Set(),
    quarantine: new Set(),
    probation: new Set(),
    excluded: new Set(),
  };

  constructor(maxRecords: number) {
    this.#maxRecords = maxRecords;
  }

  get(key: string): ServerRecord | undefined {
    return this.#records.get(key)?.record;
  }

  put(key: string, record: ServerRecord, standing: Standing): void {
    this.#delete(key);
    if (this.#records.size >= this.#maxRecords) this.#forgetOne();
    this.#records.set(key, { record, standing });
    this.#keys[standing].add(key);
  }

  *entries(): Iterable<[string, ServerRecord]> {
    for (const [key, { record }] of this.#records) yield [key, record];
  }

  #forgetOne(): void {
    for (const standing of ORDER) {
      const [oldest] = this.#keys[standing];
      if (oldest === undefined) continue;
      this.#delete(oldest);
      return;
    }
  }

  #delete(key: string): void {
    const known = this.#records.get(key);
    if (known === undefined) return;
    this.#records.delete(key);
    this.#keys[known.standing].delete(key);
  }
}
