/** Loss and RTT are judged over so long, milliseconds. */
const WINDOW_MS = 1000;
/** Fewer packets than this say nothing about loss. */
const MIN_PACKETS = 50;
/** Beyond what congestion control causes on a healthy path (BBR tolerates up to 2 % per round, CUBIC causes less). */
const DEGRADED_LOSS = 0.1;
const CLEAR_LOSS = 0.05;
/** A queue of two base RTTs is bufferbloat; a short RTT jitters more than it queues. */
const DEGRADED_RTT_FACTOR = 3;
const DEGRADED_RTT_EXTRA_MS = 200;
const CLEAR_RTT_FACTOR = 2;
/** Windows in a row without trouble before a path counts as well again: hysteresis. */
const CLEAR_WINDOWS = 2;

/** Cumulative counts and present times of a path, as its transport tells them. */
export interface QualitySample {
  readonly sentPackets: number;
  readonly lostPackets: number;
  readonly rttMs: number;
  readonly minRttMs: number;
}

/** What the path's state should become. */
export type QualityVerdict = { readonly kind: 'degrade'; readonly reason: string } | { readonly kind: 'clear' };

/** Tells a path that works badly from one that works: by its loss and its queue. Sans-IO; `now` in milliseconds. */
export class QualityMonitor {
  #startMs: number;
  #start: QualitySample = { sentPackets: 0, lostPackets: 0, rttMs: 0, minRttMs: 0 };
  #lossRate = 0;
  #degraded = false;
  #goodWindows = 0;

  constructor(now: number) {
    this.#startMs = now;
  }

  /** Packets lost of packets sent in the last window, 0 to 1. */
  get lossRate(): number {
    return this.#lossRate;
  }

  /** Takes a sample as often as convenient; a verdict only when something changed. */
  sample(sample: QualitySample, now: number): QualityVerdict | undefined {
    if (now - this.#startMs < WINDOW_MS) return undefined;
    const sent = sample.sentPackets - this.#start.sentPackets;
    const lost = sample.lostPackets - this.#start.lostPackets;
    this.#startMs = now;
    this.#start = sample;
    this.#lossRate = sent >= MIN_PACKETS ? Math.min(1, lost / sent) : 0;
    return this.#degraded ? this.#recovered(sample) : this.#worsened(sample);
  }

  #worsened({ rttMs, minRttMs }: QualitySample): QualityVerdict | undefined {
    const reason =
      this.#lossRate > DEGRADED_LOSS
        ? `${Math.round(this.#lossRate * 100)} % of its packets are lost`
        : minRttMs > 0 && rttMs > DEGRADED_RTT_FACTOR * minRttMs && rttMs > minRttMs + DEGRADED_RTT_EXTRA_MS
          ? `its RTT rose from ${Math.round(minRttMs)} to ${Math.round(rttMs)} ms`
          : undefined;
    if (reason === undefined) return undefined;
    this.#degraded = true;
    this.#goodWindows = 0;
    return { kind: 'degrade', reason };
  }

  #recovered({ rttMs, minRttMs }: QualitySample): QualityVerdict | undefined {
    const slow = rttMs > CLEAR_RTT_FACTOR * minRttMs && rttMs > minRttMs + DEGRADED_RTT_EXTRA_MS / 2;
    this.#goodWindows = this.#lossRate > CLEAR_LOSS || slow ? 0 : this.#goodWindows + 1;
    if (this.#goodWindows < CLEAR_WINDOWS) return undefined;
    this.#degraded = false;
    return { kind: 'clear' };
  }
}
