import { monthNamed, nameOfMonth } from './months.js';

/** Servers whose bytes are counted; those that sent least recently are forgotten first. */
const MAX_SERVERS = 1024;
/** Between two tellings of what was sent. */
const TELL_EVERY_MS = 10_000;

interface Sent {
  bytes: number;
  month: number;
}

/** As it outlives the process. */
interface KeptSpending {
  /** `2026-11` */
  readonly month: string;
  readonly bytes: Readonly<Record<string, number>>;
}

/** What each server has sent in a month, for all sessions that have the same caps and prices. Months are counted from year 0. */
export class MonthlySpending {
  readonly #sent = new Map<string, Sent>();
  #month: number | undefined;
  #isNews = false;
  #toldMs = Number.NEGATIVE_INFINITY;

  /** `kept`: as `news` gave it to an earlier process. Throws ERR_KWIK_INVALID_ARGUMENT for a month that is none. */
  constructor(kept?: KeptSpending) {
    if (kept === undefined) return;
    this.#month = monthNamed(kept.month);
    for (const [address, bytes] of Object.entries(kept.bytes).slice(-MAX_SERVERS)) {
      this.#sent.set(address, { bytes, month: this.#month });
    }
  }

  /** It is this month now: what was sent in another one counts no more. */
  at(month: number): void {
    this.#month = month;
  }

  charge(address: string, bytes: number, month: number): void {
    this.#month = month;
    const before = this.#sent.get(address);
    this.#sent.delete(address);
    this.#sent.set(address, { bytes: bytes + (before?.month === month ? before.bytes : 0), month });
    this.#isNews ||= bytes > 0;
    const [oldest] = this.#sent.keys();
    if (this.#sent.size > MAX_SERVERS && oldest !== undefined) this.#sent.delete(oldest);
  }

  /** In this month. */
  bytesOf(address: string): number {
    const sent = this.#sent.get(address);
    return sent?.month === this.#month ? (sent?.bytes ?? 0) : 0;
  }

  /** What was sent this month, when that is news, and some time after the last news; `now`: at once. `atMs` on any clock. */
  news(atMs: number, now: boolean): KeptSpending | undefined {
    if (!this.#isNews || this.#month === undefined || (!now && atMs - this.#toldMs < TELL_EVERY_MS)) return undefined;
    this.#isNews = false;
    this.#toldMs = atMs;
    const sent = [...this.#sent].filter(([, { month, bytes }]) => month === this.#month && bytes > 0);
    const bytes = Object.fromEntries(sent.map(([address, { bytes: count }]) => [address, count]));
    return { month: nameOfMonth(this.#month), bytes };
  }
}
