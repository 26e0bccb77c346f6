/** So long those are counted who want the processor. */
const PERIOD_MS = 10;
/** Who used less than this of a period did not want it: a keep-alive, a chat. */
const WANTED_MS = 0.2;
/** Everybody may take a quarter more than its share before others go first. */
const SHARE_FACTOR = 1.25;
/** What it may have taken beyond that: two turns. */
const ALLOWED_DEBT_MS = 4;
/** Nobody waits longer than this for a debt. */
const MAX_WAIT_MS = 50;

/** What one connection has used of the processor, or all of one owner. */
interface Account {
  /** Times as much as one with weight 1 may have. */
  weight: number;
  /** Used beyond its share, ms. */
  debtMs: number;
  /** Up to when the debt is reckoned. */
  settledMs: number;
  /** The period in which it used the processor last, and how much of it, ms. */
  period: number;
  periodMs: number;
}

/** Who goes first: a connection within its share, then those of an owner that has had more than its own, then those that have. */
export const RANK = { within: 0, ownerOver: 1, over: 2 } as const;
export type Rank = (typeof RANK)[keyof typeof RANK];

/** Whose connections they are. */
interface Owner {
  readonly key: string;
  readonly account: Account;
  readonly among: Contenders;
  connections: number;
}

/** The part of one connection; without an owner it is one by itself. */
export interface ConnectionShare {
  readonly account: Account;
  owner: Owner | undefined;
}

/**
 * Shares the processor among the connections of an endpoint by what they cost: deficit round robin (Shreedhar and
 * Varghese 1995), with time in place of bytes. First among owners, by their weights, and then among the connections of each, so
 * that nobody gets more by having more of them. Everyone pays a debt off at the rate of its share, and whoever has a debt
 * goes after the others. A connection that is alone owes nothing. Pure; times in ms.
 */
export class ProcessorShares {
  private readonly among = new Contenders();
  private readonly owners = new Map<string, Owner>();

  /** Owners that have connections. */
  get size(): number {
    return this.owners.size;
  }

  /** Of a connection that nobody owns yet. */
  open(now: number): ConnectionShare {
    return { account: newAccount(now), owner: undefined };
  }

  /** The connection belongs to this owner from now on, who weighs as much as the weightiest of those that it has had at a time. */
  join(share: ConnectionShare, key: string, weight: number, now: number): void {
    this.close(share);
    const owner = this.owners.get(key) ?? { key, account: newAccount(now), among: new Contenders(), connections: 0 };
    this.owners.set(key, owner);
    owner.connections += 1;
    owner.account.weight = Math.max(owner.account.weight, weight);
    share.account.weight = weight;
    share.owner = owner;
  }

  /** The connection is over: it is nobody's any more. */
  close(share: ConnectionShare): void {
    const { owner } = share;
    share.owner = undefined;
    if (owner === undefined) return;
    owner.connections -= 1;
    if (owner.connections === 0) this.owners.delete(owner.key);
  }

  /** The connection has used the processor for `ms`. */
  charge({ account, owner }: ConnectionShare, ms: number, now: number): void {
    this.among.charge(owner?.account ?? account, ms, now, 1);
    if (owner !== undefined) owner.among.charge(account, ms, now, this.among.rate(owner.account));
  }

  /** While others want the processor, who has had more than its share goes after the others. */
  rank({ account, owner }: ConnectionShare, now: number): Rank {
    const isOver = this.among.isOver(owner?.account ?? account, now, 1);
    if (owner === undefined || owner.connections === 1) return isOver ? RANK.over : RANK.within;
    if (owner.among.isOver(account, now, this.among.rate(owner.account))) return RANK.over;
    return isOver ? RANK.ownerOver : RANK.within;
  }
}

/** Those among whom something is shared. `of`: the part of all time that it is. */
class Contenders {
  private period = -1;
  private before = { count: 0, weight: 0 };
  /** Who wanted the processor in this period. */
  private current = { count: 0, weight: 0 };

  charge(account: Account, ms: number, now: number, of: number): void {
    this.turnPeriod(now);
    if (account.period !== this.period) {
      account.period = this.period;
      account.periodMs = 0;
    }
    if (account.periodMs < WANTED_MS && account.periodMs + ms >= WANTED_MS) {
      this.current.count += 1;
      this.current.weight += account.weight;
    }
    account.periodMs += ms;
    this.settle(account, now, of);
    account.debtMs = Math.min(account.debtMs + ms, this.maxDebtMs(account, of));
  }

  isOver(account: Account, now: number, of: number): boolean {
    if (account.debtMs <= ALLOWED_DEBT_MS) return false;
    this.turnPeriod(now);
    this.settle(account, now, of);
    return account.debtMs > ALLOWED_DEBT_MS && Math.max(this.current.count, this.before.count) > 1;
  }

  /** The part that it may have. */
  rate({ weight }: Account): number {
    return Math.min(1, (SHARE_FACTOR * weight) / Math.max(weight, this.current.weight, this.before.weight));
  }

  private maxDebtMs(account: Account, of: number): number {
    return ALLOWED_DEBT_MS + MAX_WAIT_MS * of * this.rate(account);
  }

  private settle(account: Account, now: number, of: number): void {
    // With more who want the processor a debt is paid off more slowly: it is no longer than it may be now.
    const owedMs = Math.min(account.debtMs, this.maxDebtMs(account, of));
    account.debtMs = Math.max(0, owedMs - (now - account.settledMs) * of * this.rate(account));
    account.settledMs = now;
  }

  private turnPeriod(now: number): void {
    const period = Math.floor(now / PERIOD_MS);
    if (period === this.period) return;
    this.before = period === this.period + 1 ? this.current : { count: 0, weight: 0 };
    this.current = { count: 0, weight: 0 };
    this.period = period;
  }
}

function newAccount(now: number): Account {
  return { weight: 1, debtMs: 0, settledMs: now, period: -1, periodMs: 0 };
}
