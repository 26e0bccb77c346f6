/** A report is that of one second, or of a little more when it comes late. */
const MAX_REPORT_SECONDS = 5;
/** Without reports for so long nothing flows. */
const SILENCE_MS = 2500;

/**
 * What a report tells of is spread over the second after it came. Reports and whoever looks both come once a second: between two
 * looks there may be none of them, or two, and nothing has changed.
 */
const SPREAD_MS = 1000;

interface Claim {
  /** In all, and what of it had been spread when the report came. */
  carriedBytes: number;
  spreadBytes: number;
  unmetBytesPerSecond: number;
  atMs: number;
}

/** What the primary knows by itself of the content of its session. */
export interface OfferedContent {
  /** Content is under way. */
  readonly isSending: boolean;
  /** Of all contents so far: no more than that can have come from all servers together. */
  readonly offeredBytes: number;
}

/**
 * What a client says of its paths, as far as it can be true: not more bytes than there was content, not more in a second than
 * a second's, and no wish for more than twice of what comes, nor while no content is under way.
 */
export class ClaimedCapacity {
  readonly #content: OfferedContent;
  readonly #claims = new Map<number, Claim>();
  #claimedBytes = 0;

  constructor(content: OfferedContent) {
    this.#content = content;
  }

  /** Bytes per second. */
  report(pathId: number, used: number, wanted: number, now: number): void {
    const known = this.#claims.get(pathId);
    const seconds = known === undefined ? 1 : Math.min((now - known.atMs) / 1000, MAX_REPORT_SECONDS);
    const left = Math.max(0, this.#content.offeredBytes - this.#claimedBytes);
    const bytes = Math.min(used * seconds, left);
    this.#claimedBytes += bytes;
    this.#claims.set(pathId, {
      carriedBytes: (known?.carriedBytes ?? 0) + bytes,
      spreadBytes: this.carriedBytes(pathId, now),
      unmetBytesPerSecond: Math.min(Math.max(0, wanted - used), used, seconds > 0 ? bytes / seconds : 0),
      atMs: now,
    });
  }

  /** Of other paths nothing is kept. */
  keepOnly(paths: readonly { readonly id: number }[]): void {
    for (const id of this.#claims.keys()) if (!paths.some((path) => path.id === id)) this.#claims.delete(id);
  }

  /** Until now. */
  carriedBytes(pathId: number, now: number): number {
    const claim = this.#claims.get(pathId);
    if (claim === undefined) return 0;
    const share = Math.min(1, (now - claim.atMs) / SPREAD_MS);
    return claim.spreadBytes + share * (claim.carriedBytes - claim.spreadBytes);
  }

  flows(now: number): boolean {
    return this.#recent(now).length > 0;
  }

  unmetBytesPerSecond(now: number): number {
    if (!this.#content.isSending) return 0;
    return this.#recent(now).reduce((sum, { unmetBytesPerSecond }) => sum + unmetBytesPerSecond, 0);
  }

  #recent(now: number): Claim[] {
    return [...this.#claims.values()].filter(({ atMs }) => now - atMs < SILENCE_MS);
  }
}
