import type { PolicyBound } from '@kwik/wire';
import { MonthlySpending } from './monthly-spending.js';

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
  /** Further addresses of the same server, `host:port`, tried in turn. */
  readonly alternatives?: readonly string[];
  /** Name to check the server's certificate against, when it is not the host of the address. */
  readonly serverName?: string;
}

/** Of a server that failed: waits before it is tried again, doubling from the first to the last. */
const FIRST_HOLD_MS = 2000;
const MAX_HOLD_MS = 600_000;
/** A server that brought nothing is left alone for so long. */
const TRIAL_HOLD_MS = 600_000;
const GB = 1e9;
/** More of what somebody announces is not looked at. */
const MAX_CANDIDATES = 256;

interface Entry {
  candidate: ScalingCandidate;
  failures: number;
  /** Not before this time. */
  heldUntilMs: number;
  /** In use, or being added. */
  taken: boolean;
}

/** The servers that a session may take on, the cheapest first: which of them are in use, and which have failed and wait. */
export class CandidateList {
  #entries: readonly Entry[] = [];
  readonly #spending: MonthlySpending;

  /** `spending`: what the servers have sent this month, to whomever it is shared with. */
  constructor(candidates: readonly ScalingCandidate[], spending = new MonthlySpending()) {
    this.#spending = spending;
    this.offer(candidates);
  }

  /** These are there now, in this order among equals. What was learned of those that were there before is kept. */
  offer(candidates: readonly ScalingCandidate[]): void {
    const offered = candidates.slice(0, MAX_CANDIDATES).map((candidate) => {
      const known = this.#entry(candidate.address);
      return known === undefined
        ? { candidate, failures: 0, heldUntilMs: Number.NEGATIVE_INFINITY, taken: false }
        : Object.assign(known, { candidate });
    });
    const inUse = this.#entries.filter((entry) => entry.taken && !offered.includes(entry));
    this.#entries = [...offered, ...inUse];
  }

  /** The one to take next, which counts as taken; undefined when none is left now. `inUse`: addresses of paths that are there. */
  take(now: number, inUse: readonly string[] = []): ScalingCandidate | undefined {
    const best = this.#entries
      .filter((entry) => !entry.taken && entry.heldUntilMs <= now && !this.#isSpent(entry))
      .filter(({ candidate }) => !inUse.includes(candidate.address))
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

  /** It is this month now, counted in months: the bytes of another one count no more. */
  at(month: number): void {
    this.#spending.at(month);
  }

  /** Bytes came from it in this month. */
  charge(address: string, bytes: number, month: number): void {
    if (this.#entry(address) !== undefined) this.#spending.charge(address, bytes, month);
  }

  /** Its bytes of this month are used up. */
  isSpent(address: string): boolean {
    const entry = this.#entry(address);
    return entry !== undefined && this.#isSpent(entry);
  }

  /** What it may send in a month, and what it has. */
  cap(address: string): PolicyBound {
    const { monthlyCapBytes = Number.POSITIVE_INFINITY } = this.#entry(address)?.candidate ?? {};
    return { name: 'bytes of a server in a month', limit: monthlyCapBytes, value: this.#spending.bytesOf(address) };
  }

  /** The dearest go first when paths are given back. */
  isDearer(address: string, other: string): boolean {
    const [one, two] = [this.#entry(address), this.#entry(other)];
    return one !== undefined && two !== undefined && isCheaper(two, one);
  }

  /** What all servers together have cost this month, in the currency of their prices. */
  get spent(): number {
    return this.#entries.reduce(
      (sum, { candidate }) => sum + ((candidate.pricePerGb ?? 0) * this.#spending.bytesOf(candidate.address)) / GB,
      0,
    );
  }

  #isSpent({ candidate: { address, monthlyCapBytes = Number.POSITIVE_INFINITY } }: Entry): boolean {
    return this.#spending.bytesOf(address) >= monthlyCapBytes;
  }

  #entry(address: string): Entry | undefined {
    return this.#entries.find(({ candidate }) => candidate.address === address);
  }
}

function isCheaper({ candidate: one }: Entry, { candidate: other }: Entry): boolean {
  if ((one.metered === true) !== (other.metered === true)) return other.metered === true;
  return (one.pricePerGb ?? 0) < (other.pricePerGb ?? 0);
}
