/** So long connections are counted that want the processor. */
const PERIOD_MS = 10;
/** Who used less than this of a period did not want it: a keep-alive, a chat. */
const WANTED_MS = 0.2;
/** A connection may take a quarter more than an equal share before others go first. */
const SHARE_FACTOR = 1.25;
/** What it may have taken beyond that: two turns. */
const ALLOWED_DEBT_MS = 4;
/** Nobody waits longer than this for a debt. */
const MAX_WAIT_MS = 50;

/** What one connection has used of the processor. */
export interface ShareAccount {
  /** Used beyond its share, ms. */
  debtMs: number;
  /** Up to when the debt is reckoned. */
  settledMs: number;
  /** The period in which it used the processor last, and how much of it, ms. */
  period: number;
  periodMs: number;
}

/**
 * Shares the processor among the connections of an endpoint by what they cost: deficit round robin (Shreedhar and
 * Varghese 1995), with time in place of bytes. Every connection pays a debt off at the rate of its share, and whoever has
 * a debt goes after the others. A connection that is alone owes nothing. Pure; times in ms.
 */
export class ProcessorShares {
  private period = -1;
  /** Connections that wanted the processor in this period, and in the one before. */
  private wanting = 0;
  private wantedBefore = 0;

  account(now: number): ShareAccount {
    return { debtMs: 0, settledMs: now, period: -1, periodMs: 0 };
  }

  /** The connection has used the processor for `ms`. */
  charge(account: ShareAccount, ms: number, now: number): void {
    this.turnPeriod(now);
    if (account.period !== this.period) {
      account.period = this.period;
      account.periodMs = 0;
    }
    if (account.periodMs < WANTED_MS && account.periodMs + ms >= WANTED_MS) this.wanting += 1;
    account.periodMs += ms;
    this.settle(account, now);
    account.debtMs = Math.min(account.debtMs + ms, this.maxDebtMs());
  }

  /** Others want the processor, and this connection has had more of it than its share. */
  isOver(account: ShareAccount, now: number): boolean {
    if (account.debtMs <= ALLOWED_DEBT_MS) return false;
    this.turnPeriod(now);
    this.settle(account, now);
    return account.debtMs > ALLOWED_DEBT_MS && this.contenders() > 1;
  }

  private contenders(): number {
    return Math.max(this.wanting, this.wantedBefore);
  }

  /** The part of the time that a connection may have. */
  private rate(): number {
    return Math.min(1, SHARE_FACTOR / Math.max(1, this.contenders()));
  }

  private maxDebtMs(): number {
    return ALLOWED_DEBT_MS + MAX_WAIT_MS * this.rate();
  }

  private settle(account: ShareAccount, now: number): void {
    // With more who want the processor a debt is paid off more slowly: it is no longer than it may be now.
    const owedMs = Math.min(account.debtMs, this.maxDebtMs());
    account.debtMs = Math.max(0, owedMs - (now - account.settledMs) * this.rate());
    account.settledMs = now;
  }

  private turnPeriod(now: number): void {
    const period = Math.floor(now / PERIOD_MS);
    if (period === this.period) return;
    this.wantedBefore = period === this.period + 1 ? this.wanting : 0;
    this.wanting = 0;
    this.period = period;
  }
}
