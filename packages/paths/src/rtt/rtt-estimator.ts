import { KwikError } from '@kwik/wire';

/** RFC 9002, section 6.2.2: what to assume before the first sample, so that a handshake timer is about one second. */
export const INITIAL_RTT_MS = 333;
/** RFC 9002, section 6.1.2 (kGranularity): below this, timers are noise. */
export const TIMER_GRANULARITY_MS = 1;
/** Weight of a new sample in the smoothed value and in the variation: RFC 9002, section 5.3. */
const SMOOTHING = 1 / 8;
const VARIATION_SMOOTHING = 1 / 4;

/** What others need of an estimator; milliseconds. */
export interface RttView {
  readonly smoothedMs: number;
  readonly rttVarMs: number;
  readonly minMs: number;
}

export interface RttOptions {
  /** Assumed until the first sample. Default: `INITIAL_RTT_MS`. */
  readonly initialMs?: number;
  /** Longest time for which the peer holds an acknowledgement back by design; claims above it are cut to it. */
  readonly maxAckDelayMs?: number;
}

/**
 * Round-trip time of one path, after RFC 9002, section 5. A sample runs from handing a packet to the path to the
 * arrival of its KWIK acknowledgement, so it holds QUIC's queue on both sides, as a planner needs it.
 */
export class RttEstimator implements RttView {
  readonly #maxAckDelayMs: number;
  #hasSample = false;
  #smoothedMs: number;
  #rttVarMs: number;
  #minMs: number;
  #latestMs: number;
  #lastSampleAtMs: number | undefined;

  constructor(options: RttOptions = {}) {
    const initialMs = options.initialMs ?? INITIAL_RTT_MS;
    if (!(initialMs > 0))
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `initial RTT ${initialMs} ms is not above 0`);
    this.#maxAckDelayMs = options.maxAckDelayMs ?? Number.POSITIVE_INFINITY;
    this.#smoothedMs = initialMs;
    this.#rttVarMs = initialMs / 2;
    this.#minMs = initialMs;
    this.#latestMs = initialMs;
  }

  /** False while all values are the assumed ones. */
  get hasSample(): boolean {
    return this.#hasSample;
  }

  get smoothedMs(): number {
    return this.#smoothedMs;
  }

  /** The mean deviation that RFC 9002 calls rttvar. */
  get rttVarMs(): number {
    return this.#rttVarMs;
  }

  /** Lowest sample, acknowledgement delay not taken off (RFC 9002, section 5.2). */
  get minMs(): number {
    return this.#minMs;
  }

  get latestMs(): number {
    return this.#latestMs;
  }

  /** When the last sample came; `undefined` before the first. */
  get lastSampleAtMs(): number | undefined {
    return this.#lastSampleAtMs;
  }

  /**
   * @param rttMs from sending the largest newly acknowledged packet to now
   * @param ackDelayMs how long the peer says that it held the acknowledgement back; not trusted below the minimum RTT
   */
  sample(rttMs: number, ackDelayMs: number, now: number): void {
    if (!(rttMs >= 0) || !Number.isFinite(rttMs)) throw new KwikError('ERR_KWIK_INTERNAL', `an RTT of ${rttMs} ms`);
    this.#lastSampleAtMs = now;
    this.#latestMs = rttMs;
    if (!this.#hasSample) {
      this.#hasSample = true;
      this.#minMs = rttMs;
      this.#smoothedMs = rttMs;
      this.#rttVarMs = rttMs / 2;
      return;
    }
    this.#minMs = Math.min(this.#minMs, rttMs);
    const delay = Math.min(Math.max(ackDelayMs, 0), this.#maxAckDelayMs);
    // RFC 9002, section 5.3: the claimed delay never takes a sample below the minimum, so a lying peer cannot do so.
    const adjusted = rttMs >= this.#minMs + delay ? rttMs - delay : rttMs;
    this.#rttVarMs += VARIATION_SMOOTHING * (Math.abs(this.#smoothedMs - adjusted) - this.#rttVarMs);
    this.#smoothedMs += SMOOTHING * (adjusted - this.#smoothedMs);
  }

  /** RFC 9002, section 6.2.1: how long to wait for a sign of life before probing. */
  ptoMs(maxAckDelayMs: number): number {
    return ptoMs(this, maxAckDelayMs);
  }
}

/** The probe timeout of RFC 9002, section 6.2.1, from any source of RTT values. */
export function ptoMs(rtt: RttView, maxAckDelayMs: number): number {
  return rtt.smoothedMs + Math.max(4 * rtt.rttVarMs, TIMER_GRANULARITY_MS) + maxAckDelayMs;
}
