/** A server that a session may take on. */
export interface ScalingCandidate {
  /** `host:port`. */
  readonly address: string;
  /** What a gigabyte (10^9 bytes) from it costs, in any currency that all share. Default: 0. */
  readonly pricePerGb?: number;
  /** Bytes a month; beyond them it is not used. Default: no bound. */
  readonly monthlyCapBytes?: number;
  /** Used only where no other server is left. Default: false. */
  readonly metered?: boolean;
}

/** Of a server that failed: waits before it is tried again, doubling from the first to the last. */
const FIRST_HOLD_MS = 2000;
const MAX_HOLD_MS = 600_000;
/** A server that brought nothing is left alone for so long. */
const TRIAL_HOLD_MS = 600_000;
const GB = 1e9;

interface Entry {
  readonly candidate: ScalingCandidate;
  failures: number;
  /** Not before this time. */
  heldUntilMs: number;
  /** In use, or being added. */
  taken: boolean;
  spentBytes: number;
  /** Months since year 0, to which `spentBytes` belongs. */
  month: number;
}

/**
 * The servers that a session may take on, the cheapest first: which of them are in use, which have failed and wait, and what
 * each has cost this month.
 */
export class CandidateList {
  readonly #entries: readonly Entry[];

  constructor(candidates: readonly ScalingCandidate[]) {
    this.#entries = candidates.map((candidate) => ({
      candidate,
      failures: 0,
      heldUntilMs: Number.NEGATIVE_INFINITY,
      taken: false,
      spentBytes: 0,
      month: -1,
    }));
  }

  /** The one to take next, which counts as taken; undefined when none is left now. */
  take(now: number): ScalingCandidate | undefined {
    const best = this.#entries
      .filter((entry) => !entry.taken && entry.heldUntilMs <= now && !isSpent(entry))
      .reduce<Entry | undefined>((one, other) => (one === undefined || isCheaper(other, one) ? other : one), undefined);
    if (best !== undefined) best.taken = true;
    return best?.candidate;
  }

  /** It could not be added: others are tried, and this one after a wait that doubles. */
  failed(address: string, now: number): void {
    const entry = this.#entry(address);
    if (entry === undefined) return;
    entry.taken = false;
    entry.heldUntilMs = now + Math.min(FIRST_HOLD_MS * 2 ** entry.failures, MAX_HOLD_MS);
    entry.failures++;
  }

  worked(address: string): void {
    const entry = this.#entry(address);
    if (entry !== undefined) entry.failures = 0;
  }

  /** It is used no longer. `useless`: it brought nothing while it was. */
  released(address: string, now: number, useless: boolean): void {
    const entry = this.#entry(address);
    if (entry === undefined) return;
    entry.taken = false;
    if (useless) entry.heldUntilMs = now + TRIAL_HOLD_MS;
  }

  /** Bytes came from it. `month` counts months; with a new one the bytes count anew. */
  charge(address: string, bytes: number, month: number): void {
    const entry = this.#entry(address);
    if (entry === undefined) return;
    if (entry.month !== month) entry.spentBytes = 0;
    entry.month = month;
    entry.spentBytes += bytes;
  }

  /** Its bytes of this month are used up. */
  isSpent(address: string): boolean {
    const entry = this.#entry(address);
    return entry !== undefined && isSpent(entry);
  }

  /** The dearest go first when paths are given back. */
  isDearer(address: string, other: string): boolean {
    const [one, two] = [this.#entry(address), this.#entry(other)];
    return one !== undefined && two !== undefined && isCheaper(two, one);
  }

  /** What all servers together have cost this month, in the currency of their prices. */
  get spent(): number {
    return this.#entries.reduce(
      (sum, { candidate, spentBytes }) => sum + ((candidate.pricePerGb ?? 0) * spentBytes) / GB,
      0,
    );
  }

  #entry(address: string): Entry | undefined {
    return this.#entries.find(({ candidate }) => candidate.address === address);
  }
}

function isSpent({ candidate, spentBytes }: Entry): boolean {
  return spentBytes >= (candidate.monthlyCapBytes ?? Number.POSITIVE_INFINITY);
}

function isCheaper({ candidate: one }: Entry, { candidate: other }: Entry): boolean {
  if ((one.metered === true) !== (other.metered === true)) return other.metered === true;
  return (one.pricePerGb ?? 0) < (other.pricePerGb ?? 0);
}
