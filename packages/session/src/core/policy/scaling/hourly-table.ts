const HOUR_MS = 3_600_000;
const HOURS = 24;
/** Days that are remembered; of an hour two of them must be known before anything is said. */
const MAX_DAYS = 14;
const MIN_DAYS = 2;
export const MAX_HOURS = MAX_DAYS * HOURS;
/** A terabyte a second: nobody carries that, and sums of it stay exact. */
export const MAX_BYTES_PER_SECOND = 1e12;

/** An hour of one day. */
export interface KnownHour {
  /** Hours since 1970, UTC. */
  readonly hour: number;
  /** What sessions needed in their busiest second of it, on the average. */
  readonly bytesPerSecond: number;
  /** How many sessions that is of. */
  readonly sessions: number;
}

/** What the busiest second of each hour of the day needed, as the median over the days that are known, for all sessions together. */
export class HourlyTable {
  readonly #hours = new Map<number, { bytesPerSecond: number; sessions: number }>();

  /** A session's busiest second of the hour needed so much. */
  add(hour: number, bytesPerSecond: number): void {
    this.#add({ hour, bytesPerSecond: Math.min(bytesPerSecond, MAX_BYTES_PER_SECOND), sessions: 1 }, hour);
  }

  #add({ hour, bytesPerSecond, sessions }: KnownHour, now: number): void {
    const known = this.#hours.get(hour);
    if (known === undefined) this.#hours.set(hour, { bytesPerSecond, sessions });
    else {
      known.sessions += sessions;
      known.bytesPerSecond += ((bytesPerSecond - known.bytesPerSecond) * sessions) / known.sessions;
    }
    if (this.#hours.size > MAX_HOURS) this.#hours.delete(this.#farthestFrom(now));
  }

  /** The oldest; or, of a clock that was put back, the one that is farthest ahead. */
  #farthestFrom(now: number): number {
    let farthest = now;
    for (const hour of this.#hours.keys()) if (Math.abs(hour - now) > Math.abs(farthest - now)) farthest = hour;
    return farthest;
  }

  /** For the hour at that time, milliseconds since 1970; undefined until two former days are known. */
  median(wallMs: number): number | undefined {
    const hour = hourOf(wallMs);
    const days: number[] = [];
    for (let day = 1; day <= MAX_DAYS; day++) {
      const known = this.#hours.get(hour - day * HOURS);
      if (known !== undefined) days.push(known.bytesPerSecond);
    }
    if (days.length < MIN_DAYS) return undefined;
    const sorted = days.sort((a, b) => a - b);
    const middle = Math.floor(sorted.length / 2);
    return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  }

  /** Everything that is known, the oldest hour first. */
  get hours(): KnownHour[] {
    return [...this.#hours].sort(([one], [other]) => one - other).map(([hour, known]) => ({ hour, ...known }));
  }

  /**
   * Takes what `hours` gave to an earlier process, besides what is known. Hours that are not among the last days before `wallMs` are left
   * out.
   */
  restore(kept: readonly KnownHour[], wallMs: number): void {
    const now = hourOf(wallMs);
    for (const known of kept) if (known.hour <= now && known.hour >= now - MAX_HOURS) this.#add(known, now);
  }
}

/** What one session needed in the busiest second of this hour; each hour is told to the table when it is over. */
export class HourPeak {
  readonly #table: HourlyTable;
  #hour: number | undefined;
  #peak = 0;

  constructor(table: HourlyTable) {
    this.#table = table;
  }

  /** `wallMs`: milliseconds since 1970. */
  observe(bytesPerSecond: number, wallMs: number): void {
    const hour = hourOf(wallMs);
    if (hour !== this.#hour) this.end();
    this.#hour = hour;
    this.#peak = Math.max(this.#peak, bytesPerSecond);
  }

  /** The session ends, or the hour does. */
  end(): void {
    if (this.#hour !== undefined) this.#table.add(this.#hour, this.#peak);
    this.#hour = undefined;
    this.#peak = 0;
  }
}

function hourOf(wallMs: number): number {
  return Math.floor(wallMs / HOUR_MS);
}
