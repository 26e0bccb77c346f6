import { KwikError, type PacketNumber, type proto } from '@kwik/wire';

/**
 * Widest span from the oldest packet that is not acknowledged to the newest. It bounds the sender's memory, and by it
 * the receiver's: no span of this length holds more than `MAX_TRACKED_RANGES` separate ranges (ack-tracker.ts).
 */
export const MAX_SENT_SPAN = 8192;
/** data.proto: an acknowledgement frame names at most this many ranges. */
export const MAX_ACK_RANGES_PER_FRAME = 64;
const INITIAL_SLOTS = 64;

export interface AckOutcome<T> {
  /** Contents newly acknowledged, each once, in the order of their packet numbers. */
  readonly acked: T[];
  readonly ackedBytes: number;
  /** RFC 9002, section 5.1; not yet less the acknowledgement delay. Give both to `RttEstimator.sample`. */
  readonly rttSampleMs?: number;
  /** The same less the delay that the peer claims, for `InFlightWindow.onAcked`; a lie only narrows that window. */
  readonly pathRttMs?: number;
  /** The largest packet that the acknowledgement names was not acknowledged before. */
  readonly newlyLargest: boolean;
}

/** Life of a number in the ring. */
const SKIPPED = 0;
const UNTRACKED = 1;
const OUTSTANDING = 2;
const ACKED = 3;

/**
 * The sending side of one path's packet-number space (K8.3). Keeps what was sent until it is acknowledged, or until
 * the path dies and everything is taken to be sent elsewhere.
 *
 * A ring indexed by packet number holds the span from the oldest unacknowledged packet on. Every slot knows the next
 * number that may still be outstanding (a union-find with path halving), so that acknowledgements which repeat what
 * they said before cost next to nothing. Numbers are kept as doubles inside: exact below 2^53.
 *
 * Packets that elicit no acknowledgement are numbered and measured, but neither kept nor counted as in flight.
 */
export class SentPackets<T> {
  readonly #maxSpan: number;
  #mask = INITIAL_SLOTS - 1;
  #state = new Uint8Array(INITIAL_SLOTS);
  #next = new Float64Array(INITIAL_SLOTS);
  #bytes = new Float64Array(INITIAL_SLOTS);
  #sentAtMs = new Float64Array(INITIAL_SLOTS);
  #content: (T | undefined)[] = new Array<T | undefined>(INITIAL_SLOTS);
  /** First number that the ring holds; all below are done with. */
  #base = 0;
  /** One above the last number in the ring. */
  #end = 0;
  /** The next number to give out; at least `#end`. */
  #issued = 0;
  #largestAcked = -1;
  #count = 0;
  #inFlightBytes = 0;

  constructor(options: { readonly maxSpan?: number } = {}) {
    this.#maxSpan = options.maxSpan ?? MAX_SENT_SPAN;
    if (!(this.#maxSpan >= 1)) throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `span ${this.#maxSpan} is below 1`);
  }

  /** Payload of packets that elicit an acknowledgement and have none yet. */
  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  /** Packets behind `inFlightBytes`. */
  get count(): number {
    return this.#count;
  }

  /** No further packet can be recorded before the oldest one is acknowledged: ask before sending. */
  get full(): boolean {
    return this.#count > 0 && this.#issued + 1 - this.#base > this.#maxSpan;
  }

  /** The largest number acknowledged so far. */
  get largestAcked(): PacketNumber | undefined {
    return this.#largestAcked < 0 ? undefined : (BigInt(this.#largestAcked) as PacketNumber);
  }

  /** The number that is given out next. */
  get upcoming(): PacketNumber {
    return BigInt(this.#issued) as PacketNumber;
  }

  /** Gives out the next number; each call another one. A number given out and never recorded was never sent. */
  nextNumber(): PacketNumber {
    const number = this.#issued;
    this.#issued += 1;
    return BigInt(number) as PacketNumber;
  }

  /**
   * `pn` went out just now. Numbers are recorded in ascending order. Throws ERR_KWIK_LIMIT_EXCEEDED when `full` would
   * have said so, ERR_KWIK_INTERNAL for a number that was not given out or is out of order.
   */
  record(pn: PacketNumber, bytes: number, ackEliciting: boolean, content: T, now: number): void {
    const number = Number(pn);
    if (number < this.#end || number >= this.#issued) {
      throw new KwikError('ERR_KWIK_INTERNAL', `packet ${pn} recorded out of order, or never given out`);
    }
    if (this.#count === 0) this.#restartAt(number);
    if (number - this.#base >= this.#maxSpan) {
      throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', `more than ${this.#maxSpan} packets span the unacknowledged ones`);
    }
    while (number - this.#base > this.#mask) this.#grow();
    for (; this.#end < number; this.#end += 1) this.#put(this.#end, SKIPPED, 0, now);
    this.#put(number, ackEliciting ? OUTSTANDING : UNTRACKED, bytes, now);
    this.#end = number + 1;
    if (!ackEliciting) return;
    this.#content[number & this.#mask] = content;
    this.#count += 1;
    this.#inFlightBytes += bytes;
  }

  /**
   * The peer acknowledges `ranges` (descending, disjoint). Repeats are fine. Throws ERR_KWIK_PROTOCOL_VIOLATION, and
   * changes nothing, when the ranges are malformed or name a packet that was never sent (RFC 9000, section 13.1).
   */
  onAck(ranges: readonly proto.AckRange[], ackDelayUs: number, now: number): AckOutcome<T> {
    this.#check(ranges, ackDelayUs);
    const largest = Number(ranges[0]?.last);
    const newlyLargest = largest > this.#largestAcked;
    const acked: T[] = [];
    const bytesBefore = this.#inFlightBytes;
    for (let i = ranges.length - 1; i >= 0; i--) {
      const range = ranges[i] as proto.AckRange;
      this.#ackRange(Number(range.first), Number(range.last), acked);
    }
    // RFC 9002, section 5.1: a sample needs the largest newly acknowledged, and something that elicited it.
    const sentAtMs = largest >= this.#base ? this.#sentAtMs[largest & this.#mask] : undefined;
    const isSample = newlyLargest && acked.length > 0 && sentAtMs !== undefined;
    if (newlyLargest) this.#largestAcked = largest;
    this.#advance();
    const ackedBytes = bytesBefore - this.#inFlightBytes;
    if (!isSample) return { acked, ackedBytes, newlyLargest };
    const rttSampleMs = Math.max(0, now - sentAtMs);
    const pathRttMs = Math.max(0, rttSampleMs - ackDelayUs / 1000);
    return { acked, ackedBytes, newlyLargest, rttSampleMs, pathRttMs };
  }

  /** The packet that has waited longest. */
  oldest(): { readonly pn: PacketNumber; readonly sentAtMs: number } | undefined {
    const number = this.#find(this.#base);
    if (number >= this.#end) return undefined;
    return { pn: BigInt(number) as PacketNumber, sentAtMs: this.#sentAtMs[number & this.#mask] as number };
  }

  /** Contents of the packet sent last, while it is unacknowledged. */
  newest(): T | undefined {
    return this.#end === 0 ? undefined : this.#content[(this.#end - 1) & this.#mask];
  }

  /** Failover: everything unacknowledged, oldest first, no longer kept here. Late acknowledgements of it are repeats. */
  takeAll(): T[] {
    const taken: T[] = [];
    this.#ackRange(this.#base, this.#end - 1, taken);
    this.#advance();
    return taken;
  }

  /**
   * Contents that went out `ms` or longer ago and are unacknowledged, oldest first, at most `limit`. They stay: this
   * is for sending a copy on another path while this one may still deliver.
   */
  takeOlderThan(ms: number, now: number, limit = Number.POSITIVE_INFINITY): T[] {
    const old: T[] = [];
    for (let n = this.#find(this.#base); n < this.#end && old.length < limit; n = this.#find(n + 1)) {
      if (now - (this.#sentAtMs[n & this.#mask] as number) < ms) break;
      old.push(this.#content[n & this.#mask] as T);
    }
    return old;
  }

  #check(ranges: readonly proto.AckRange[], ackDelayUs: number): void {
    if (ranges.length === 0 || ranges.length > MAX_ACK_RANGES_PER_FRAME || !(ackDelayUs >= 0)) {
      throw violation(`an acknowledgement with ${ranges.length} ranges and a delay of ${ackDelayUs} us`);
    }
    let above = BigInt(this.#issued);
    for (const { first, last } of ranges) {
      if (first < 0n || first > last) throw violation(`range ${first}-${last} is upside down`);
      if (last >= above) throw violation(`range ${first}-${last} was never sent, or is out of order`);
      if (this.#wasSkipped(last) || this.#wasSkipped(first)) throw violation(`range ${first}-${last} was never sent`);
      above = first;
    }
  }

  /** Numbers given out, but never sent; known as long as older packets are outstanding, and at the end of the space. */
  #wasSkipped(pn: bigint): boolean {
    const number = Number(pn);
    if (number >= this.#end) return true;
    return number >= this.#base && this.#state[number & this.#mask] === SKIPPED;
  }

  #ackRange(first: number, last: number, acked: T[]): void {
    const stop = Math.min(last, this.#end - 1);
    for (let n = this.#find(Math.max(first, this.#base)); n <= stop; n = this.#find(n + 1)) {
      const slot = n & this.#mask;
      acked.push(this.#content[slot] as T);
      this.#content[slot] = undefined;
      this.#state[slot] = ACKED;
      this.#next[slot] = n + 1;
      this.#count -= 1;
      this.#inFlightBytes -= this.#bytes[slot] as number;
    }
  }

  /** The lowest outstanding number at or above `number`, or `#end`. */
  #find(number: number): number {
    let n = number;
    while (n < this.#end) {
      const next = this.#next[n & this.#mask] as number;
      if (next === n) return n;
      if (next >= this.#end) return this.#end;
      this.#next[n & this.#mask] = this.#next[next & this.#mask] as number;
      n = next;
    }
    return this.#end;
  }

  /** Lets go of everything below the oldest outstanding packet. */
  #advance(): void {
    this.#base = this.#find(this.#base);
  }

  #restartAt(number: number): void {
    this.#base = number;
    this.#end = number;
  }

  #put(number: number, state: number, bytes: number, now: number): void {
    const slot = number & this.#mask;
    this.#state[slot] = state;
    this.#next[slot] = state === OUTSTANDING ? number : number + 1;
    this.#bytes[slot] = bytes;
    this.#sentAtMs[slot] = now;
    this.#content[slot] = undefined;
  }

  #grow(): void {
    const slots = (this.#mask + 1) * 2;
    const state = new Uint8Array(slots);
    const next = new Float64Array(slots);
    const bytes = new Float64Array(slots);
    const sentAtMs = new Float64Array(slots);
    const content = new Array<T | undefined>(slots);
    for (let n = this.#base; n < this.#end; n++) {
      const from = n & this.#mask;
      const to = n & (slots - 1);
      state[to] = this.#state[from] as number;
      next[to] = this.#next[from] as number;
      bytes[to] = this.#bytes[from] as number;
      sentAtMs[to] = this.#sentAtMs[from] as number;
      content[to] = this.#content[from];
    }
    this.#mask = slots - 1;
    this.#state = state;
    this.#next = next;
    this.#bytes = bytes;
    this.#sentAtMs = sentAtMs;
    this.#content = content;
  }
}

function violation(what: string): KwikError {
  return new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', `acknowledgement: ${what}`);
}
