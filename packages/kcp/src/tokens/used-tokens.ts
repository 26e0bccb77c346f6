import { toHex } from '../crypto/bytes.js';

/** 16 bytes of id and a number each: about 10 MB when full. */
export const DEFAULT_MAX_USED_TOKENS = 65_536;

/**
 * The tokens that were used, each remembered until it expires, so that none is used twice. Bounded: when it is full of
 * living tokens it takes no further one, and so no path is admitted (fail closed). Share one between all listeners
 * that answer to the same audience.
 */
export class UsedTokens {
  readonly #max: number;
  readonly #expiryById = new Map<string, number>();
  /** No entry expires before this. */
  #firstExpiryMs = Infinity;

  constructor(options: { readonly max?: number } = {}) {
    this.#max = options.max ?? DEFAULT_MAX_USED_TOKENS;
  }

  get size(): number {
    return this.#expiryById.size;
  }

  has(tokenId: Uint8Array, nowMs: number): boolean {
    const expiresMs = this.#expiryById.get(toHex(tokenId));
    return expiresMs !== undefined && nowMs < expiresMs;
  }

  /** Marks a token as used, unless it was, or nothing more fits. */
  use(tokenId: Uint8Array, expiresMs: number, nowMs: number): 'used' | 'replayed' | 'full' {
    if (this.has(tokenId, nowMs)) return 'replayed';
    if (this.#expiryById.size >= this.#max) this.purge(nowMs);
    if (this.#expiryById.size >= this.#max) return 'full';
    this.#expiryById.set(toHex(tokenId), expiresMs);
    this.#firstExpiryMs = Math.min(this.#firstExpiryMs, expiresMs);
    return 'used';
  }

  /** Forgets what has expired. Costs nothing while nothing can have. */
  purge(nowMs: number): void {
    if (nowMs < this.#firstExpiryMs) return;
    this.#firstExpiryMs = Infinity;
    for (const [id, expiresMs] of this.#expiryById) {
      if (expiresMs <= nowMs) this.#expiryById.delete(id);
      else this.#firstExpiryMs = Math.min(this.#firstExpiryMs, expiresMs);
    }
  }
}
