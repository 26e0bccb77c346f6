export interface EjectionTimes {
  /** Of the first ejection. */
  readonly baseMs: number;
  readonly maxMs: number;
}

/** A state of its own for each server: put out, for a time that grows with each relapse, and forgiven by good conduct. */
export class Ejection {
  readonly #times: EjectionTimes;
  #untilMs = -Infinity;
  #reason = '';
  #relapses = 0;
  #changedMs = 0;

  constructor(times: EjectionTimes) {
    this.#times = times;
  }

  /** Why it is out; undefined: it is not. */
  reason(now: number): string | undefined {
    return now < this.#untilMs ? `${this.#reason}, for ${Math.ceil((this.#untilMs - now) / 1000)} s more` : undefined;
  }

  isOut(now: number): boolean {
    return now < this.#untilMs;
  }

  eject(reason: string, now: number): void {
    if (this.isOut(now)) return;
    this.#forgive(now);
    this.#relapses++;
    this.#reason = reason;
    this.#untilMs = now + Math.min(this.#times.maxMs, this.#times.baseMs * 2 ** (this.#relapses - 1));
    this.#changedMs = this.#untilMs;
  }

  /** Each time of good conduct as long as the longest ejection takes one relapse away. */
  #forgive(now: number): void {
    const periods = Math.floor((now - this.#changedMs) / this.#times.maxMs);
    if (this.#relapses > 0 && periods > 0) this.#relapses = Math.max(0, this.#relapses - periods);
  }
}
