import { KwikError, type PacketNumber, type proto } from '@kwik/wire';
import { MAX_ACK_RANGES_PER_FRAME } from './sent-packets.js';

/**
 * Longest time an acknowledgement is held back. QUIC's own default is 25 ms (RFC 9000, section 18.2); KWIK stays below
 * it, so that the delay does not dominate on paths of 20 ms.
 */
export const DEFAULT_MAX_ACK_DELAY_MS = 20;
/** Below this a held-back acknowledgement saves nothing on a timer of whole milliseconds. */
export const MIN_ACK_DELAY_MS = 1;
/**
 * Acknowledge at the latest after so many packets. RFC 9000, section 13.2.2, asks for two, for the sake of loss
 * detection and the congestion window. QUIC below does both already, so here the count only bounds how much a sender
 * must keep: Chromium's QUIC settled on 10 for the same reason; 16 packets of 16 kB are a quarter of a megabyte.
 */
export const DEFAULT_ACK_EVERY = 16;
/** Four acknowledgements per round trip keep a window moving smoothly: Li et al., "TACK", SIGCOMM 2020, section 4. */
const ACKS_PER_RTT = 4;
/**
 * Ranges remembered. A sender that keeps to its span (`MAX_SENT_SPAN`) can never cause more; beyond it the oldest
 * range is forgotten and what is older counts as a duplicate (RFC 9000, section 13.2.3).
 */
export const MAX_TRACKED_RANGES = 4096;
/** AckFrame.ack_delay_us is a uint32. */
const MAX_DELAY_US = 0xffff_ffff;

export interface AckTrackerOptions {
  readonly ackEvery?: number;
  readonly maxAckDelayMs?: number;
}

export interface PendingAck {
  /** Descending, disjoint, not adjacent; 1 to 64. */
  readonly ranges: proto.AckRange[];
  /** From the arrival of the largest packet named until now. */
  readonly ackDelayUs: number;
}

/** How long to hold acknowledgements back on a path of this RTT: a quarter of it, between 1 and 20 ms (K11.1). */
export function ackDelayForRtt(rttMs: number): number {
  return Math.min(Math.max(rttMs / ACKS_PER_RTT, MIN_ACK_DELAY_MS), DEFAULT_MAX_ACK_DELAY_MS);
}

interface Range {
  first: number;
  last: number;
  /** Changed since it was last named in an acknowledgement. */
  changed: boolean;
}

/**
 * The receiving side of one path's packet-number space: what has arrived, and when to say so (K11.1, K11.2).
 *
 * An acknowledgement is due after `ackEvery` ack-eliciting packets, `maxAckDelayMs` after the first of them, or early
 * when packets come out of order (RFC 9000, section 13.2.1). The latter happens all the time where packets of one path
 * travel on several QUIC streams and one of those waits for a retransmission, so it hurries an acknowledgement only
 * once per quarter of the delay.
 *
 * Acknowledgements travel reliably. So a frame names the ranges that changed since the last one, and the highest; when
 * a path dies that carried acknowledgements, `repeat` has everything named again.
 */
export class AckTracker {
  readonly #ackEvery: number;
  #maxAckDelayMs: number;
  /** Ascending, disjoint, not adjacent. */
  readonly #ranges: Range[] = [];
  /** Numbers below are forgotten: they count as seen. */
  #floor = 0;
  #changedCount = 0;
  #elicitingCount = 0;
  #dueAtMs: number | undefined;
  #lastAckAtMs = Number.NEGATIVE_INFINITY;
  #largestArrivedAtMs = 0;

  constructor(options: AckTrackerOptions = {}) {
    this.#ackEvery = options.ackEvery ?? DEFAULT_ACK_EVERY;
    this.#maxAckDelayMs = options.maxAckDelayMs ?? DEFAULT_MAX_ACK_DELAY_MS;
    if (!(this.#ackEvery >= 1) || !(this.#maxAckDelayMs >= 0)) {
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', 'acknowledge every 1 packet or more, after 0 ms or more');
    }
  }

  get maxAckDelayMs(): number {
    return this.#maxAckDelayMs;
  }

  /** Follows the path's RTT (`ackDelayForRtt`); holds from the next packet on. */
  set maxAckDelayMs(ms: number) {
    this.#maxAckDelayMs = Math.max(0, ms);
  }

  /** Separate ranges remembered: 1 when nothing is missing. */
  get rangeCount(): number {
    return this.#ranges.length;
  }

  get largest(): PacketNumber | undefined {
    const top = this.#ranges[this.#ranges.length - 1];
    return top === undefined ? undefined : (BigInt(top.last) as PacketNumber);
  }

  /** A packet arrived whole. The frames of a `duplicate` must not be processed again. */
  onPacket(pn: PacketNumber, ackEliciting: boolean, now: number): 'new' | 'duplicate' {
    const number = Number(pn);
    if (!Number.isSafeInteger(number)) throw new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', `packet number ${pn}`);
    const top = this.#ranges[this.#ranges.length - 1];
    const inOrder = number === (top === undefined ? this.#floor : top.last + 1);
    if (top === undefined || number > top.last) this.#largestArrivedAtMs = now;
    let isNew = true;
    if (inOrder && top !== undefined) {
      top.last = number;
      this.#markChanged(top);
    } else {
      isNew = this.#insert(number);
    }
    if (ackEliciting) this.#schedule(inOrder, now);
    return isNew ? 'new' : 'duplicate';
  }

  /** When an acknowledgement must go out; `undefined` when none has to. */
  ackDueAtMs(): number | undefined {
    return this.#dueAtMs;
  }

  /** The acknowledgement to send now, taken as sent; `undefined` while none is due. Call until it is `undefined`. */
  poll(now: number): PendingAck | undefined {
    if (this.#dueAtMs === undefined || this.#dueAtMs > now) return undefined;
    return this.flush(now);
  }

  /** Like `poll`, but does not wait until one is due: for a packet that leaves anyway. */
  flush(now: number): PendingAck | undefined {
    if (this.#elicitingCount === 0 && this.#dueAtMs === undefined) return undefined;
    const chosen = this.#choose();
    for (const range of chosen) this.#markNamed(range);
    this.#elicitingCount = 0;
    this.#lastAckAtMs = now;
    this.#dueAtMs = this.#changedCount > 0 ? now : undefined;
    return this.#toAck(chosen, now);
  }

  /** What `flush` would give; changes nothing. */
  peek(now: number): PendingAck | undefined {
    if (this.#elicitingCount === 0 && this.#dueAtMs === undefined) return undefined;
    return this.#toAck(this.#choose(), now);
  }

  /** An acknowledgement may have been lost with the path that carried it: everything is to be named again. */
  repeat(now: number): void {
    if (this.#ranges.length === 0) return;
    for (const range of this.#ranges) this.#markChanged(range);
    this.#dueAtMs = now;
  }

  #schedule(inOrder: boolean, now: number): void {
    this.#elicitingCount += 1;
    let due = this.#elicitingCount >= this.#ackEvery ? now : now + this.#maxAckDelayMs;
    if (!inOrder) due = Math.min(due, Math.max(now, this.#lastAckAtMs + this.#maxAckDelayMs / ACKS_PER_RTT));
    this.#dueAtMs = this.#dueAtMs === undefined ? due : Math.min(this.#dueAtMs, due);
  }

  /** False when `number` was there already. */
  #insert(number: number): boolean {
    if (number < this.#floor) return false;
    const index = this.#indexAbove(number);
    const below = this.#ranges[index - 1];
    const above = this.#ranges[index];
    if (below !== undefined && below.last >= number) {
      this.#markChanged(below);
      return false;
    }
    const joinsBelow = below !== undefined && below.last + 1 === number;
    const joinsAbove = above !== undefined && above.first - 1 === number;
    if (joinsBelow && joinsAbove) {
      below.last = above.last;
      this.#markNamed(above);
      this.#ranges.splice(index, 1);
      this.#markChanged(below);
    } else if (joinsBelow) {
      below.last = number;
      this.#markChanged(below);
    } else if (joinsAbove) {
      above.first = number;
      this.#markChanged(above);
    } else {
      this.#ranges.splice(index, 0, { first: number, last: number, changed: true });
      this.#changedCount += 1;
      if (this.#ranges.length > MAX_TRACKED_RANGES) this.#forgetOldest();
    }
    return true;
  }

  /** Index of the first range that begins above `number`. */
  #indexAbove(number: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ranges[middle] as Range).first > number) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #forgetOldest(): void {
    const oldest = this.#ranges.shift();
    if (oldest === undefined) return;
    this.#markNamed(oldest);
    this.#floor = oldest.last + 1;
  }

  #markChanged(range: Range): void {
    if (!range.changed) this.#changedCount += 1;
    range.changed = true;
  }

  #markNamed(range: Range): void {
    if (range.changed) this.#changedCount -= 1;
    range.changed = false;
  }

  /** The highest range and what changed below it, descending. */
  #choose(): Range[] {
    const chosen: Range[] = [];
    let changedLeft = this.#changedCount;
    for (let i = this.#ranges.length - 1; i >= 0 && chosen.length < MAX_ACK_RANGES_PER_FRAME; i--) {
      const range = this.#ranges[i] as Range;
      if (chosen.length > 0 && changedLeft === 0) break;
      if (range.changed) changedLeft -= 1;
      if (range.changed || chosen.length === 0) chosen.push(range);
    }
    return chosen;
  }

  #toAck(chosen: readonly Range[], now: number): PendingAck | undefined {
    if (chosen.length === 0) return undefined;
    const delayUs = Math.round(Math.max(0, now - this.#largestArrivedAtMs) * 1000);
    return {
      ranges: chosen.map(({ first, last }) => ({ first: BigInt(first), last: BigInt(last) })),
      ackDelayUs: Math.min(delayUs, MAX_DELAY_US),
    };
  }
}
