import type { ServerRecord } from '@kwik/wire';

/** Remembers, for so many servers, when the newest signed record of each was issued: an older one is a replay. */
export class ReplayGuard {
  readonly #newest = new Map<string, number>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  /** Why the record may not be taken; undefined: it may. What is not signed has no age. */
  refusal({ serverId, signature }: ServerRecord): string | undefined {
    if (signature === undefined || serverId === '') return undefined;
    const newest = this.#newest.get(serverId);
    return newest !== undefined && signature.issuedMs < newest
      ? `'${serverId}' has signed a newer record since this one: a replay, or stale`
      : undefined;
  }

  /** To be called for records that were believed, and for no others. */
  taken({ serverId, signature }: ServerRecord): void {
    if (signature === undefined || serverId === '') return;
    this.#newest.delete(serverId);
    this.#newest.set(serverId, signature.issuedMs);
    if (this.#newest.size <= this.#max) return;
    const [oldest] = this.#newest.keys();
    if (oldest !== undefined) this.#newest.delete(oldest);
  }
}
