import { KwikError } from '@kwik/wire';

/**
 * Four full frames (16 kB): more than four times QUIC's own initial window (RFC 9002, section 7.2), so that on a direct
 * path QUIC's slow start governs and not this one.
 */
export const INITIAL_WINDOW_BYTES = 64 * 1024;
/** One full frame, or a dozen of those that a slow path gets (frame-budget.ts). */
export const MIN_WINDOW_BYTES = 16 * 1024;
/** Twice what 1 Gbit/s holds in 120 ms; a bound on memory, not a target. */
export const MAX_WINDOW_BYTES = 32 * 1024 * 1024;
/**
 * Twice the bandwidth-delay product: less stalls whenever acknowledgements come in clumps (Cardwell et al., "BBR", CACM
 * 60(2), 2017, "Delayed and stretched ACKs"); more only queues.
 */
const WINDOW_GAIN = 2;
/** In slow start the known rate is a round old: the window has doubled since, and is to double again. BBR has 2.77. */
const SLOW_START_GAIN = 4;
/** Bytes by which slow start opens the window for each that is acknowledged: KWIK hears of it up to 25 ms after QUIC does. */
const SLOW_START_GROWTH = 2;
/** What an acknowledgement is late by design (DEFAULT_MAX_ACK_DELAY_MS) plus one turn of a busy event loop. */
const ACK_LATENESS_MS = 25;
/** BBR: the pipe counts as full when the rate grew by less than a quarter in three rounds. */
const FULL_PIPE_GROWTH = 1.25;
const FULL_PIPE_ROUNDS = 3;
/** The best rate of so many rounds counts (BBR: 10 round trips). */
const RATE_ROUNDS = 10;
/** A round is a round trip, but no shorter than a few timer ticks, so that one clump does not read as a high rate. */
const MIN_ROUND_MS = 10;
/** A minimum RTT older than this is measured anew, with the queue drained (BBR's ProbeRTT). */
const MIN_RTT_EXPIRY_MS = 10_000;
const PROBE_RTT_MS = 200;
/** Share of the rate that keeps flowing while the queue drains: half of the product is in flight then (BBRv3). */
const PROBE_RTT_GAIN = 0.5;
/** Above this share of the window in flight, the window is what limits the sender (compare RFC 9002, section 7.8). */
const LIMITED_SHARE = 0.75;

export interface InFlightWindowOptions {
  readonly initialBytes?: number;
  readonly minBytes?: number;
  readonly maxBytes?: number;
}

/**
 * KWIK's window on one path (K11.4): how many bytes may be unacknowledged by KWIK, moved by that path's KWIK
 * acknowledgements alone. QUIC's congestion control stands below and keeps its say; this window is for what QUIC cannot
 * see: a relay's second leg, and how much would have to be sent again if the server vanished.
 *
 * The rule is BBR's model without its pacing. Slow start triples the window each round while it limits the sender and
 * the delivery rate still grows; from then on it is `2 x best rate of 10 rounds x (lowest RTT of 10 s + 25 ms)`. Loss
 * does not move it: on a living path QUIC hides losses. Rounds in which the sender had too little to send can raise the
 * estimate, never lower it.
 */
export class InFlightWindow {
  readonly #initialBytes: number;
  readonly #minBytes: number;
  readonly #maxBytes: number;
  #windowBytes: number;
  #inFlightBytes = 0;
  #slowStart = true;
  #flatRounds = 0;
  #rateBeforeRound = 0;
  /** Bytes per millisecond of recent rounds, newest last. */
  readonly #rates: number[] = [];
  #roundStartMs: number | undefined;
  #roundBytes = 0;
  #roundPeakBytes = 0;
  #minRttMs = Number.POSITIVE_INFINITY;
  #minRttAtMs = 0;
  #probeUntilMs: number | undefined;
  #probeMinMs = 0;

  constructor(options: InFlightWindowOptions = {}) {
    this.#initialBytes = options.initialBytes ?? INITIAL_WINDOW_BYTES;
    this.#minBytes = options.minBytes ?? Math.min(MIN_WINDOW_BYTES, this.#initialBytes);
    this.#maxBytes = options.maxBytes ?? MAX_WINDOW_BYTES;
    if (!(0 < this.#minBytes && this.#minBytes <= this.#initialBytes && this.#initialBytes <= this.#maxBytes)) {
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', 'window: 0 < minimum <= initial <= maximum does not hold');
    }
    this.#windowBytes = this.#initialBytes;
  }

  get windowBytes(): number {
    return this.#windowBytes;
  }

  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  get availableBytes(): number {
    return Math.max(0, this.#windowBytes - this.#inFlightBytes);
  }

  get inSlowStart(): boolean {
    return this.#slowStart;
  }

  /** Best delivery rate of the last rounds, bytes per second; 0 before the first round ended. */
  get deliveryRateBytesPerSecond(): number {
    return this.#bestRate() * 1000;
  }

  /** True when `bytes` fit. An empty path takes one piece of any size, so that nothing waits for ever. */
  canSend(bytes: number): boolean {
    return this.#inFlightBytes === 0 || this.#inFlightBytes + bytes <= this.#windowBytes;
  }

  onSent(bytes: number): void {
    this.#inFlightBytes += bytes;
    this.#roundPeakBytes = Math.max(this.#roundPeakBytes, this.#inFlightBytes);
  }

  /**
   * @param bytes newly acknowledged, from `SentPackets.onAck`
   * @param rttMs the latest sample less the acknowledgement delay (`AckOutcome.pathRttMs`); `undefined` for none
   */
  onAcked(bytes: number, rttMs: number | undefined, now: number): void {
    this.#inFlightBytes = Math.max(0, this.#inFlightBytes - bytes);
    if (rttMs !== undefined && rttMs > 0) this.#sampleRtt(rttMs, now);
    if (this.#roundStartMs === undefined) this.#startRound(now);
    else this.#roundBytes += bytes;
    const limited = this.#isLimited();
    if (this.#slowStart && limited) this.#growTo(this.#windowBytes + SLOW_START_GROWTH * bytes);
    if (now - (this.#roundStartMs ?? now) >= this.#roundMs()) this.#endRound(limited, now);
    if (!this.#slowStart) this.#setWindow(this.#modelBytes(now));
  }

  /** The path is gone, or starts anew: nothing is in flight on it, and nothing is known of it. */
  onLostPath(): void {
    this.#windowBytes = this.#initialBytes;
    this.#inFlightBytes = 0;
    this.#slowStart = true;
    this.#flatRounds = 0;
    this.#rateBeforeRound = 0;
    this.#rates.length = 0;
    this.#roundStartMs = undefined;
    this.#roundBytes = 0;
    this.#roundPeakBytes = 0;
    this.#minRttMs = Number.POSITIVE_INFINITY;
    this.#probeUntilMs = undefined;
  }

  #sampleRtt(rttMs: number, now: number): void {
    if (rttMs <= this.#minRttMs) {
      this.#minRttMs = rttMs;
      this.#minRttAtMs = now;
    }
    if (this.#probeUntilMs === undefined) {
      const isStale = now - this.#minRttAtMs > MIN_RTT_EXPIRY_MS;
      if (!isStale || this.#slowStart) return;
      this.#probeUntilMs = now + Math.max(PROBE_RTT_MS, 2 * rttMs);
      this.#probeMinMs = rttMs;
      return;
    }
    this.#probeMinMs = Math.min(this.#probeMinMs, rttMs);
    if (now < this.#probeUntilMs) return;
    // The queue was as empty as it gets; the lowest RTT of this time is the path's own.
    this.#probeUntilMs = undefined;
    this.#minRttMs = this.#probeMinMs;
    this.#minRttAtMs = now;
  }

  #roundMs(): number {
    return Math.max(MIN_ROUND_MS, Number.isFinite(this.#minRttMs) ? this.#minRttMs : 0);
  }

  #isLimited(): boolean {
    return this.#roundPeakBytes >= LIMITED_SHARE * this.#windowBytes;
  }

  #startRound(now: number): void {
    this.#roundStartMs = now;
    this.#roundBytes = 0;
    this.#roundPeakBytes = this.#inFlightBytes;
  }

  #endRound(limited: boolean, now: number): void {
    const rate = this.#roundBytes / (now - (this.#roundStartMs as number));
    const isProbing = this.#probeUntilMs !== undefined;
    if (rate > this.#bestRate() || (limited && !isProbing)) {
      this.#rates.push(rate);
      if (this.#rates.length > RATE_ROUNDS) this.#rates.shift();
    }
    if (this.#slowStart && limited) this.#checkFullPipe();
    this.#startRound(now);
  }

  #checkFullPipe(): void {
    const best = this.#bestRate();
    if (best >= this.#rateBeforeRound * FULL_PIPE_GROWTH) {
      this.#rateBeforeRound = best;
      this.#flatRounds = 0;
      return;
    }
    this.#flatRounds += 1;
    if (this.#flatRounds >= FULL_PIPE_ROUNDS) this.#slowStart = false;
  }

  #bestRate(): number {
    let best = 0;
    for (const rate of this.#rates) best = Math.max(best, rate);
    return best;
  }

  #modelBytes(now: number): number {
    const isProbing = this.#probeUntilMs !== undefined && now < this.#probeUntilMs;
    return this.#productBytes() * (isProbing ? PROBE_RTT_GAIN : WINDOW_GAIN);
  }

  /** Slow start: within what the path has shown that it can carry, once it has shown anything. */
  #growTo(bytes: number): void {
    const carried = this.#rates.length === 0 ? bytes : SLOW_START_GAIN * this.#productBytes();
    this.#setWindow(Math.max(this.#windowBytes, Math.min(bytes, carried)));
  }

  /** The bandwidth-delay product as KWIK sees it; 0 before there is an estimate. */
  #productBytes(): number {
    const rate = this.#bestRate();
    return rate === 0 ? 0 : rate * (this.#minRttMs + ACK_LATENESS_MS);
  }

  #setWindow(bytes: number): void {
    this.#windowBytes = Math.min(Math.max(Math.round(bytes), this.#minBytes), this.#maxBytes);
  }
}
