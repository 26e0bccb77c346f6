import { RateEstimator } from '@kwik/paths';
import type { PathId } from '@kwik/wire';
import type { BlockCopy } from './block-ledger.js';
import { BlockWindow } from './block-window.js';

/** Assumed before anything was measured: 10 Mbit/s. Wrong by ten either way, it costs less than one block's time. */
const ASSUMED_RATE_BYTES_PER_SECOND = 1_250_000;

/** How far the estimator looks back at the least; longer silence than this leaves it without an estimate. */
const LOOK_BACK_MS = 100;
/** A source that fails again and again rests longer each time, up to this many times the first rest. */
const MAX_REST_FACTOR = 64;

/** One server as a source of one content. */
export class ContentSource {
  readonly pathId: PathId;
  /** The primary: its bytes need no digest, TLS vouches for them. */
  readonly primary: boolean;
  readonly #rate = new RateEstimator();
  readonly expected = new BlockWindow<BlockCopy>();
  #expectedBytes = 0;
  #lastRate = 0;
  #failures = 0;
  #restUntilMs = Number.NEGATIVE_INFINITY;
  /** Smoothed RTT of the path, milliseconds; kept up to date by the runtime. */
  rttMs = 0;
  /** The path is silent, or the server does not deliver: nothing new is asked of it. */
  suspected = false;
  /** Nothing new is to be asked of it: the path is being removed, or set aside. */
  paused = false;
  grantSent = false;
  lastDataMs: number;
  /** When the first byte came; Infinity before. */
  firstDataMs = Number.POSITIVE_INFINITY;
  deliveredBytes = 0;
  duplicateBytes = 0;
  rejectedBytes = 0;

  constructor(pathId: PathId, primary: boolean, now: number) {
    this.pathId = pathId;
    this.primary = primary;
    this.lastDataMs = now;
  }

  /** Copies that the server passed over `patienceMs` ago: it sent a later block, asked for later, and not these. */
  overdue(now: number, patienceMs: number): BlockCopy[] {
    const late: BlockCopy[] = [];
    for (const copy of this.expected.values()) if (now - copy.passedAtMs > patienceMs) late.push(copy);
    return late;
  }

  /** What is expected, in the order in which it will come: lowest block first. */
  expectedInOrder(): BlockCopy[] {
    return [...this.expected.values()];
  }

  /** Bytes asked for and not yet here. */
  get expectedBytes(): number {
    return this.#expectedBytes;
  }

  get measured(): boolean {
    return this.deliveredBytes > 0;
  }

  rateBytesPerSecond(now: number): number {
    const rate = this.#rate.bytesPerSecond(now);
    if (rate > 0) {
      this.#lastRate = rate;
      return rate;
    }
    if (this.#lastRate === 0) return ASSUMED_RATE_BYTES_PER_SECOND;
    // Nothing came for longer than the estimator looks back: what came before it, over all that time.
    return (this.#lastRate * LOOK_BACK_MS) / Math.max(LOOK_BACK_MS, now - this.lastDataMs);
  }

  /** It owes and does not deliver, or refuses: nothing is asked of it for a while, longer each time. */
  rest(restMs: number, now: number): void {
    this.#restUntilMs = now + restMs * Math.min(2 ** this.#failures, MAX_REST_FACTOR);
    this.#failures++;
    this.suspected = true;
  }

  isResting(now: number): boolean {
    return now < this.#restUntilMs;
  }

  /** Milliseconds until `bytes` more would be here, behind all that is expected. */
  etaMs(bytes: number, now: number): number {
    return this.rttMs + ((this.#expectedBytes + bytes) / this.rateBytesPerSecond(now)) * 1000;
  }

  expect(copy: BlockCopy, now: number): void {
    if (this.expected.size === 0) {
      this.lastDataMs = now;
      this.#rate.resume(now);
    }
    this.expected.set(copy.block, copy);
    this.#expectedBytes += copy.length;
  }

  handleData(fresh: number, now: number): void {
    this.#expectedBytes -= fresh;
    this.deliveredBytes += fresh;
    this.lastDataMs = now;
    this.firstDataMs = Math.min(this.firstDataMs, now);
    this.#restUntilMs = Number.NEGATIVE_INFINITY;
    this.#rate.onDelivered(fresh, this.rttMs, now);
  }

  /** The copy is whole. */
  complete(copy: BlockCopy, now: number): void {
    for (const other of this.expected.values()) {
      if (other.block >= copy.block) break;
      if (other.requestedAtMs < copy.requestedAtMs) other.passedAtMs = Math.min(other.passedAtMs, now);
    }
    this.#failures = 0;
    this.release(copy, now);
  }

  /** The copy is not expected any more. */
  release(copy: BlockCopy, now: number): void {
    if (this.expected.delete(copy.block)) this.#expectedBytes -= copy.length - copy.received.size;
    if (this.expected.size === 0) this.#rate.pause(now);
  }
}
