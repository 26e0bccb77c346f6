/** Of the newest measurement, as there is one per round trip. */
const GAIN = 0.25;
/** While something was sent for so many round trips without being settled, the last measurement says nothing of now. */
const LIFE_ROUND_TRIPS = 4;
const MIN_LIFE_MS = 100;
/** A measurement wants a fresh sample of the path: on loopback there would be a thousand in a second. */
const REST_MS = 4;

/**
 * Measures the round trip by counting bytes in flight: from the sending of a datagram until all that was sent up to then
 * is acknowledged or lost. It is late by as much as the counters are apart, and never early. Pure.
 */
export class RttProbe {
  private markBytes = Infinity;
  private markMs = 0;
  private smoothedMs = Infinity;
  private measuredMs = -Infinity;

  /** For what was sent to be settled. */
  get waiting(): boolean {
    return this.markBytes !== Infinity;
  }

  /** Whether so many settled bytes would end a measurement. */
  wouldEnd(settledBytes: number): boolean {
    return settledBytes >= this.markBytes;
  }

  /** A datagram left that will be acknowledged; `sentBytes`: all such bytes since the connection began. */
  sent(sentBytes: number, now: number): void {
    if (this.waiting || now < this.measuredMs + REST_MS) return;
    this.markBytes = sentBytes;
    this.markMs = now;
  }

  /** Of the bytes that were sent, so many are acknowledged or lost. */
  settled(settledBytes: number, now: number): void {
    if (!this.wouldEnd(settledBytes)) return;
    const sampleMs = now - this.markMs;
    const knownMs = this.rttMs(now);
    this.markBytes = Infinity;
    this.smoothedMs = knownMs === Infinity ? sampleMs : knownMs + GAIN * (sampleMs - knownMs);
    this.measuredMs = now;
  }

  /** Milliseconds; Infinity when nothing was measured, or what would tell of now is overdue. An idle path stays as it was. */
  rttMs(now: number): number {
    const lifeMs = Math.max(MIN_LIFE_MS, LIFE_ROUND_TRIPS * this.smoothedMs);
    return !this.waiting || now - this.markMs <= lifeMs ? this.smoothedMs : Infinity;
  }
}
