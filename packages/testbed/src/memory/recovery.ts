import type { Frame } from './packet.js';

/** A packet that must be acknowledged and is not yet. */
export interface SentPacket {
  readonly number: number;
  readonly bytes: number;
  readonly sentMs: number;
  readonly frames: readonly Frame[];
  /** Bytes acknowledged, and when the last of them was, as this packet left: for the delivery rate. */
  readonly deliveredBefore: number;
  readonly deliveredMs: number;
}

export interface RecoveryEvents {
  acknowledged(frame: Frame): void;
  lost(frame: Frame): void;
}

/** RFC 9002, section 6.1.1. */
const PACKET_THRESHOLD = 3;
/** RFC 9002, section 6.1.2. */
const TIME_THRESHOLD = 9 / 8;
/** RFC 9002, section 6.1.2: kGranularity. */
const GRANULARITY_MS = 1;
/** RFC 9002, section 6.2.2, says 333 ms; before there is a sample. */
const INITIAL_RTT_MS = 333;
/** Doubling ends here, so that a healed link is noticed soon. QUIC itself has no such bound. */
const MAX_PTO_MS = 2_000;
/** Packets between a slow path's rate and the first sample worth having. */
const RATE_GAIN = 0.25;

/** Loss detection, RTT and delivery rate after RFC 9002. Holds no timer: asks to be called at `nextTimerMs`. */
export class Recovery {
  readonly #events: RecoveryEvents;
  /** By number, ascending, as a Map keeps the order of insertion. */
  readonly #sent = new Map<number, SentPacket>();
  #largestAcknowledged = -1;
  #lastSentMs = 0;
  #ptoCount = 0;
  #lossMs = Infinity;
  #delivered = 0;
  #deliveredMs = 0;
  rttMs = 0;
  minRttMs = 0;
  rttVarMs = 0;
  #latestRttMs = 0;
  bytesInFlight = 0;
  deliveryRateBytesPerSecond = 0;
  lostPackets = 0;

  constructor(events: RecoveryEvents) {
    this.#events = events;
  }

  onSent(number: number, bytes: number, frames: readonly Frame[], now: number): void {
    if (this.#sent.size === 0) this.#deliveredMs = now;
    this.#sent.set(number, {
      number,
      bytes,
      sentMs: now,
      frames,
      deliveredBefore: this.#delivered,
      deliveredMs: this.#deliveredMs,
    });
    this.bytesInFlight += bytes;
    this.#lastSentMs = now;
  }

  onAcknowledged(ranges: readonly (readonly [number, number])[], now: number): void {
    const newly = this.#take(ranges);
    const newest = newly[newly.length - 1];
    if (newest === undefined) return;
    if (newest.number > this.#largestAcknowledged) {
      this.#largestAcknowledged = newest.number;
      this.#sampleRtt(now - newest.sentMs);
    }
    this.#ptoCount = 0;
    this.#delivered += newly.reduce((sum, packet) => sum + packet.bytes, 0);
    this.#deliveredMs = now;
    this.#sampleRate(newest, now);
    for (const packet of newly) for (const frame of packet.frames) this.#events.acknowledged(frame);
    this.#detectLosses(now);
  }

  /** What is due at `now`; true when a probe must be sent, whatever the window says. */
  onTimer(now: number): boolean {
    if (now >= this.#lossMs) {
      this.#detectLosses(now);
      return false;
    }
    if (now < this.#ptoAtMs()) return false;
    this.#ptoCount++;
    this.#lastSentMs = now;
    return true;
  }

  nextTimerMs(): number {
    return Math.min(this.#lossMs, this.#ptoAtMs());
  }

  /** Frames of the oldest packet in flight: what a probe repeats. */
  oldestFrames(): readonly Frame[] {
    for (const packet of this.#sent.values()) return packet.frames;
    return [];
  }

  /** RFC 9002, section 6.2.1, with no acknowledgement delay to add. */
  get ptoMs(): number {
    if (this.rttMs === 0) return 3 * INITIAL_RTT_MS;
    return this.rttMs + Math.max(4 * this.rttVarMs, GRANULARITY_MS);
  }

  #ptoAtMs(): number {
    if (this.#sent.size === 0) return Infinity;
    return this.#lastSentMs + Math.min(MAX_PTO_MS, this.ptoMs * 2 ** Math.min(this.#ptoCount, 20));
  }

  /** Removes what the ranges name; ascending by number. */
  #take(ranges: readonly (readonly [number, number])[]): SentPacket[] {
    const oldest = this.#oldest()?.number ?? Infinity;
    const newly: SentPacket[] = [];
    // Most of what a packet names was settled long ago.
    const news = ranges.findLastIndex(([, last]) => last < oldest) + 1;
    for (const [first, last] of ranges.slice(news)) {
      for (let number = Math.max(first, oldest); number <= last; number++) {
        const packet = this.#sent.get(number);
        if (packet === undefined) continue;
        this.#forget(packet);
        newly.push(packet);
      }
    }
    return newly;
  }

  #detectLosses(now: number): void {
    this.#lossMs = Infinity;
    const patienceMs = Math.max(TIME_THRESHOLD * Math.max(this.rttMs, this.#latestRttMs), GRANULARITY_MS);
    for (const packet of this.#sent.values()) {
      if (packet.number > this.#largestAcknowledged) break;
      const dueMs = packet.sentMs + patienceMs;
      if (packet.number > this.#largestAcknowledged - PACKET_THRESHOLD && dueMs > now) {
        this.#lossMs = dueMs;
        break;
      }
      this.#forget(packet);
      this.lostPackets++;
      for (const frame of packet.frames) this.#events.lost(frame);
    }
  }

  #oldest(): SentPacket | undefined {
    for (const packet of this.#sent.values()) return packet;
    return undefined;
  }

  #forget(packet: SentPacket): void {
    this.#sent.delete(packet.number);
    this.bytesInFlight -= packet.bytes;
  }

  /** RFC 9002, section 5.3. */
  #sampleRtt(sampleMs: number): void {
    this.#latestRttMs = sampleMs;
    if (this.rttMs === 0) {
      this.rttMs = this.minRttMs = sampleMs;
      this.rttVarMs = sampleMs / 2;
      return;
    }
    this.minRttMs = Math.min(this.minRttMs, sampleMs);
    this.rttVarMs = 0.75 * this.rttVarMs + 0.25 * Math.abs(this.rttMs - sampleMs);
    this.rttMs = 0.875 * this.rttMs + 0.125 * sampleMs;
  }

  /**
   * draft-cheng-iccrg-delivery-rate-estimation, without its marks for senders that had nothing to send: a lower sample
   * counts only by `RATE_GAIN`.
   */
  #sampleRate(newest: SentPacket, now: number): void {
    const spanMs = now - newest.deliveredMs;
    if (spanMs <= 0) return;
    const sample = ((this.#delivered - newest.deliveredBefore) * 1000) / spanMs;
    const gain = sample > this.deliveryRateBytesPerSecond ? 1 : RATE_GAIN;
    this.deliveryRateBytesPerSecond += gain * (sample - this.deliveryRateBytesPerSecond);
  }
}
