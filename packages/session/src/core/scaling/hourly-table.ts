const HOUR_MS = 3_600_000;
const HOURS = 24;
/** Days that are remembered of each hour; two are needed before anything is said. */
const MAX_DAYS = 14;
const MIN_DAYS = 2;

/** What the busiest minute of each hour of the day needed, as the median over the days that are known. */
export class HourlyTable {
  /** By hour of the day (UTC), the newest day last. */
  readonly #days: number[][] = Array.from({ length: HOURS }, () => []);
  #hour: number | undefined;
  #peak = 0;

  /** `wallMs`: milliseconds since 1970. */
  observe(value: number, wallMs: number): void {
    const hour = Math.floor(wallMs / HOUR_MS);
    if (this.#hour !== undefined && hour !== this.#hour) {
      const days = this.#days[modulo(this.#hour, HOURS)]!;
      days.push(this.#peak);
      if (days.length > MAX_DAYS) days.shift();
      this.#peak = 0;
    }
    this.#hour = hour;
    this.#peak = Math.max(this.#peak, value);
  }

  /** Of the hour at that time; undefined until two days are known. */
  median(wallMs: number): number | undefined {
    const days = this.#days[modulo(Math.floor(wallMs / HOUR_MS), HOURS)]!;
    if (days.length < MIN_DAYS) return undefined;
    const sorted = [...days].sort((a, b) => a - b);
    const middle = Math.floor(sorted.length / 2);
    return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  }
}

/** Clocks may stand before 1970. */
function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}
