import { RateEstimator } from '@kwik/paths';
import type { PathId } from '@kwik/wire';
import type { BlockCopy } from './block-ledger.js';

/** Assumed before anything was measured: 10 Mbit/s. Wrong by ten either way, it costs less than one block's time. */
const ASSUMED_RATE_BYTES_PER_SECOND = 1_250_000;

/** One server as a source of one content. */
export class ContentSource {
  readonly pathId: PathId;
  /** The primary: its bytes need no digest, TLS vouches for them. */
  readonly trusted: boolean;
  readonly #rate = new RateEstimator();
  /** In the order asked, which is the order in which they come. */
  readonly expected = new Map<number, BlockCopy>();
  #expectedBytes = 0;
  /** When the newest request that was answered whole was made. */
  #newestCompleteMs = Number.NEGATIVE_INFINITY;
  /** Smoothed RTT of the path, milliseconds; kept up to date by the runtime. */
  rttMs = 0;
  /** The path is silent, or the server does not deliver: nothing new is asked of it. */
  suspected = false;
  grantSent = false;
  lastDataMs: number;
  deliveredBytes = 0;
  duplicateBytes = 0;
  rejectedBytes = 0;

  constructor(pathId: PathId, trusted: boolean, now: number) {
    this.pathId = pathId;
    this.trusted = trusted;
    this.lastDataMs = now;
  }

  /** Copies that were asked for before others that have come whole, and have not moved for `patienceMs`. */
  overdue(now: number, patienceMs: number): BlockCopy[] {
    const overdue: BlockCopy[] = [];
    for (const copy of this.expected.values()) {
      if (copy.requestedAtMs >= this.#newestCompleteMs) break;
      if (now - Math.max(copy.requestedAtMs, this.#newestCompleteMs) > patienceMs) overdue.push(copy);
    }
    return overdue;
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
    return rate > 0 ? rate : ASSUMED_RATE_BYTES_PER_SECOND;
  }

  /** Milliseconds until `bytes` more would be here, behind all that is expected. */
  etaMs(bytes: number, now: number): number {
    return this.rttMs + ((this.#expectedBytes + bytes) / this.rateBytesPerSecond(now)) * 1000;
  }

  /** Milliseconds until a block that is expected should be whole. */
  etaOfMs(block: number, now: number): number {
    let bytes = 0;
    for (const copy of this.expected.values()) {
      bytes += copy.buffer.length - copy.received.size;
      if (copy.block === block) break;
    }
    return (bytes / this.rateBytesPerSecond(now)) * 1000;
  }

  expect(copy: BlockCopy, now: number): void {
    if (this.expected.size === 0) {
      this.lastDataMs = now;
      this.#rate.resume(now);
    }
    this.expected.set(copy.block, copy);
    this.#expectedBytes += copy.buffer.length;
  }

  handleData(fresh: number, now: number): void {
    this.#expectedBytes -= fresh;
    this.deliveredBytes += fresh;
    this.lastDataMs = now;
    this.#rate.onDelivered(fresh, this.rttMs, now);
  }

  /** The copy is whole. */
  complete(copy: BlockCopy, now: number): void {
    this.#newestCompleteMs = Math.max(this.#newestCompleteMs, copy.requestedAtMs);
    this.release(copy, now);
  }

  /** The copy is not expected any more. */
  release(copy: BlockCopy, now: number): void {
    if (this.expected.delete(copy.block)) this.#expectedBytes -= copy.buffer.length - copy.received.size;
    if (this.expected.size === 0) this.#rate.pause(now);
  }
}
