import { ETHERNET_IPV4_BYTES, ETHERNET_IPV6_BYTES } from '../packets/datagram-bytes.js';

/** RFC 9000, section 14: what every path carries. RFC 8899 calls it BASE_PLPMTU. */
export const BASE_DATAGRAM_BYTES = 1200;
/** quiche writes no longer packet: its length takes a two-byte varint. */
const MAX_DATAGRAM_BYTES = 16_383;

/** A sender that never fills so many datagrams has nothing to gain, and a lost probe is data that comes late. */
const FULL_BEFORE_PROBE = 8;
/** A datagram with more than this share of its size is full. */
const FULL_SHARE = 0.9;
/** What quiche leaves free at the end of a full packet is less. */
const SLACK_BYTES = 16;
/** Rounds of one size that are lost before it counts as too large (RFC 8899, section 5.1.2: MAX_PROBES; it allows 3). */
const MAX_LOST_ROUNDS = 2;
/**
 * A size that follows the route is used where the path carries such a datagram within this time. On a slower one long
 * datagrams hold up what comes behind them, and a loss costs more; a loopback or jumbo link may lead into such a path.
 */
const LONG_DATAGRAM_MS = 1;
/** Probes of a round at most. One is enough where nothing else is lost. */
const MAX_PROBES = 16;
/** Between what is known to pass and what is not, less than this share is not worth a lost probe. */
const WORTHWHILE_GAIN = 0.08;
/** Datagrams after a probe by whose acknowledgement quiche sees that the probe is lost (RFC 9002, section 6.1.1). */
const FOLLOWERS = 3;
/** An acknowledgement takes a round trip, its delay at the peer (RFC 9000, section 13.2.1) and a turn at either end. */
const SETTLED_RTTS = 1.5;
const SETTLED_MARGIN_MS = 30;
/** Large datagrams lost, and hardly a byte that arrived: that is no chance. */
const BLACK_HOLE_DATAGRAMS = 3;
const BLACK_HOLE_SHARE = 0.9;
/** Timeouts without progress after which datagrams are made small. The first probe timeout may be an ordinary loss. */
const TIMEOUTS = 2;
/** Timeouts with one or two large datagrams under way, and only what is small arrives: that is none either. */
const SUSPICIONS = 2;
/** After a failure larger sizes are tried again, ever more rarely (RFC 8899, section 5.1.1: PMTU_RAISE_TIMER is 600 s). */
const FIRST_RAISE_MS = 1_000;
const RAISE_FACTOR = 4;
const LAST_RAISE_MS = 600_000;
/** A size that held for so long was no mistake. */
const HELD_MS = 60_000;

/** Counters of a connection, cumulative. */
interface LossCounts {
  readonly lostPackets: number;
  readonly lostBytes: number;
}

/** A sample of a path. */
export interface SizeSample extends LossCounts {
  /** Absent: whatever is needed. */
  readonly deliveryRateBytesPerSecond?: number;
}

export interface SizeOptions {
  /** What every path carries. */
  readonly baseBytes?: number;
  /** The largest is what the route allows, and no wish: longer than usual datagrams only where the path is fast. */
  readonly followsRoute?: boolean;
  /** What another connection has found out; larger ones are tried after ten minutes. */
  readonly knownBytes?: number;
  /** Told of the size above which the path was found to carry nothing. */
  readonly onSizeLimit?: (bytes: number) => void;
}

/** Probes of one size, and what is known of them. */
interface Round {
  readonly bytes: number;
  /** Lost when the first of them left. */
  readonly before: LossCounts;
  sent: number;
  followers: number;
  /** Once so much of what was sent is settled, and not before this time, it shows whether they are lost. */
  markBytes: number;
  ripeMs: number;
}

/** A span of time in which large datagrams were sent, and the counters when it began. */
interface Epoch {
  readonly startMs: number;
  /** Sent before it began. */
  readonly markBytes: number;
  readonly settledBytes: number;
  readonly before: LossCounts;
  large: number;
}

/** A timeout with large datagrams under way; what was known then. */
interface Doubt {
  readonly before: LossCounts;
  readonly settledBytes: number;
  readonly large: number;
  /** Sent since. */
  smallBytes: number;
}

const NOTHING_LOST: LossCounts = { lostPackets: 0, lostBytes: 0 };

/**
 * How large datagrams may be: packetization layer path MTU discovery (RFC 8899), as far as it goes with a QUIC library
 * that tells neither what was acknowledged nor what was lost, but counts losses. A connection begins with 1200 bytes. Then
 * one datagram of data is larger; when those behind it must be acknowledged and nothing was lost, the size holds. Where other
 * losses hide the answer, the next round has twice as many probes: when fewer are lost in all, one of them arrived. When the
 * connection times out with large datagrams under way, small ones go, and if those alone arrive it goes back to 1200 and
 * tries again later; so it does when nearly all large datagrams of a round trip are lost, or it times out again. Each direction finds its own size. Pure; times in ms.
 */
export class DatagramSize {
  private current: number;
  /** The largest that may pass; it is tried as it is, unless one more has failed. */
  private ceiling: number;
  private failed = false;
  private readonly max: number;
  private readonly base: number;
  private ratePerMs = 0;
  private round: Round | undefined;
  /** Probes of this round, or the next one. */
  private wanted = 1;
  private due = false;
  /** What the probes of this round are long, or of the next one. */
  private aim: number;
  private full = 0;
  private roundsLost = 0;
  /** When the search begins again from the top. */
  private raiseMs = Infinity;
  private raiseWaitMs = FIRST_RAISE_MS;
  private raisedMs = 0;
  private counts = NOTHING_LOST;
  private rttMs = 0;
  private receivedMs = -Infinity;
  private sentBytes = 0;
  private settledBytes = 0;
  private timeouts = 0;
  /** Until something arrives, only small datagrams go. */
  private doubt: Doubt | undefined;
  private suspicions = 0;
  /** Large datagrams since there was progress. */
  private unproven = 0;
  private epoch: Epoch = { startMs: 0, markBytes: 0, settledBytes: 0, before: NOTHING_LOST, large: 0 };
  private previous: Epoch = { startMs: 0, markBytes: 0, settledBytes: 0, before: NOTHING_LOST, large: 0 };

  constructor(
    maxBytes: number,
    private readonly options: SizeOptions = {},
  ) {
    this.base = options.baseBytes ?? BASE_DATAGRAM_BYTES;
    this.max = Math.min(maxBytes, MAX_DATAGRAM_BYTES);
    this.ceiling = Math.min(this.max, Math.max(this.base, options.knownBytes ?? this.max));
    if (this.ceiling < this.max) this.raiseWaitMs = LAST_RAISE_MS;
    this.current = Math.min(this.base, this.max);
    this.aim = this.current;
  }

  /** What passes, as far as is known. */
  get datagramBytes(): number {
    return this.current;
  }

  /** What the next datagram may be long: larger when it is to be a probe. */
  get slotBytes(): number {
    if (this.due) return this.aim;
    return this.doubt === undefined ? this.current : this.base;
  }

  /** A datagram of data left, in a slot of `slotBytes`; `sentBytes`: of all of them. */
  sent(bytes: number, sentBytes: number, now: number): void {
    this.sentBytes = sentBytes;
    if (this.doubt !== undefined) this.doubt.smallBytes += bytes;
    if (bytes > this.base) {
      this.unproven += 1;
      this.epoch.large += 1;
    }
    if (this.due && bytes > this.current) this.launch(bytes);
    else if (this.round !== undefined && !this.due) this.follow(this.round, now);
    else if (bytes > FULL_SHARE * this.current) this.fill(now);
  }

  /** A packet came. */
  received(now: number): void {
    this.receivedMs = now;
  }

  /** The backend's timer fired: what was sent is not acknowledged in time. */
  timedOut(now: number): void {
    this.timeouts += 1;
    if (this.unproven === 0 || this.current === this.base) return;
    if (this.timeouts >= TIMEOUTS) this.fallBack(now);
    else this.doubt ??= { before: this.counts, settledBytes: this.settledBytes, large: this.unproven, smallBytes: 0 };
  }

  /** A sample of the path; `settledBytes` of what was sent is acknowledged or lost, as far as is known. */
  sampled(counts: SizeSample, rttMs: number, settledBytes: number, now: number): void {
    this.rttMs = rttMs;
    this.counts = counts;
    this.ratePerMs = (counts.deliveryRateBytesPerSecond ?? Infinity) / 1000;
    if (settledBytes > this.settledBytes) this.progressed(settledBytes, now);
    if (this.round !== undefined && this.isSettled(this.round, this.round.ripeMs)) this.judge(this.round, now);
    if (this.isSettled(this.epoch, this.epoch.startMs + this.settleMs)) this.turnEpoch(now);
  }

  private progressed(settledBytes: number, now: number): void {
    this.settledBytes = settledBytes;
    this.timeouts = 0;
    const { doubt } = this;
    this.doubt = undefined;
    if (doubt !== undefined) this.resolve(doubt, now);
    else if (this.unproven > 0) this.suspicions = 0;
    this.unproven = 0;
  }

  private isSettled({ markBytes }: { readonly markBytes: number }, fromMs: number): boolean {
    return this.receivedMs >= fromMs && this.settledBytes >= markBytes;
  }

  private get settleMs(): number {
    return SETTLED_RTTS * this.rttMs + SETTLED_MARGIN_MS;
  }

  // --- Probes ---

  /** The size to try next: all, or what Ethernet carries, or halfway to what failed. */
  private target(): number {
    const isSlow = this.options.followsRoute === true && this.ceiling > LONG_DATAGRAM_MS * this.ratePerMs;
    const top = isSlow ? Math.min(this.ceiling, ETHERNET_IPV4_BYTES) : this.ceiling;
    if (!this.failed || top < this.ceiling) return top;
    if (this.current < ETHERNET_IPV6_BYTES && ETHERNET_IPV6_BYTES < top) return ETHERNET_IPV6_BYTES;
    return Math.ceil((this.current + top) / 2);
  }

  private fill(now: number): void {
    this.full += 1;
    if (this.full < FULL_BEFORE_PROBE || this.due || this.doubt !== undefined) return;
    if (now >= this.raiseMs) {
      this.raiseMs = Infinity;
      this.ceiling = this.max;
      this.failed = false;
    }
    if (this.raiseMs !== Infinity) return;
    const target = this.target();
    if (target > this.current && this.isWorthwhile()) this.beginRound(target);
    else this.rest(now);
  }

  private beginRound(bytes: number): void {
    if (bytes !== this.aim) {
      this.aim = bytes;
      this.roundsLost = 0;
      this.wanted = 1;
    }
    this.due = true;
  }

  private isWorthwhile(): boolean {
    if (!this.failed) return this.ceiling > this.current;
    // Behind a link with a larger MTU is an ordinary one: each size between them would cost two lost datagrams.
    const isEthernet = this.current >= ETHERNET_IPV6_BYTES && this.ceiling > ETHERNET_IPV4_BYTES;
    if (isEthernet && this.options.followsRoute === true) return false;
    return this.ceiling - this.current > WORTHWHILE_GAIN * this.current;
  }

  private launch(bytes: number): void {
    const { slotBytes } = this;
    const isFull = bytes > slotBytes - SLACK_BYTES;
    if (isFull) {
      this.round ??= { bytes: slotBytes, before: this.counts, sent: 0, followers: 0, markBytes: 0, ripeMs: Infinity };
      this.round.sent += 1;
      if (this.round.sent < this.wanted) return;
    }
    // One that is not full proves too little: the round ends with those before it, or waits for another occasion.
    this.due = false;
    this.full = 0;
  }

  private follow(round: Round, now: number): void {
    round.followers += 1;
    if (round.followers !== FOLLOWERS) return;
    round.markBytes = this.sentBytes;
    round.ripeMs = now + this.settleMs;
  }

  private judge(round: Round, now: number): void {
    this.round = undefined;
    const lost = this.counts.lostPackets - round.before.lostPackets;
    const lostBytes = this.counts.lostBytes - round.before.lostBytes;
    // All others are smaller: more bytes than they could have means that a probe is among the lost.
    const probeLost = lostBytes > lost * this.current;
    if (lost < round.sent || (lost === 1 && !probeLost)) this.passed(round, now);
    else if (probeLost || round.sent === MAX_PROBES) this.lostRound(round, now);
    else this.wanted = Math.min(MAX_PROBES, 2 * this.wanted);
  }

  private passed(round: Round, now: number): void {
    this.current = round.bytes;
    this.roundsLost = 0;
    this.wanted = 1;
    this.raisedMs = now;
    this.rest(now);
  }

  private lostRound(round: Round, now: number): void {
    this.roundsLost += 1;
    if (this.roundsLost < MAX_LOST_ROUNDS) return;
    this.roundsLost = 0;
    this.wanted = 1;
    this.ceiling = round.bytes - 1;
    this.failed = true;
    this.rest(now);
  }

  /** The search is over when what is left to be found is too little; it begins again in a while. */
  private rest(now: number): void {
    if (this.current === this.max || this.isWorthwhile()) return;
    this.raiseLater(now);
    if (this.failed) this.options.onSizeLimit?.(this.current);
  }

  private raiseLater(now: number): void {
    this.raiseMs = now + this.raiseWaitMs;
    this.raiseWaitMs = Math.min(LAST_RAISE_MS, RAISE_FACTOR * this.raiseWaitMs);
  }

  // --- Black holes ---

  private turnEpoch(now: number): void {
    // What was sent in the epoch before the running one is settled by now.
    const { large, before, settledBytes } = this.previous;
    const lostPackets = this.counts.lostPackets - before.lostPackets;
    const lostBytes = this.counts.lostBytes - before.lostBytes;
    const isHole = lostBytes >= BLACK_HOLE_SHARE * (this.settledBytes - settledBytes);
    if (this.current > this.base && Math.min(large, lostPackets) >= BLACK_HOLE_DATAGRAMS && isHole) this.fallBack(now);
    this.previous = this.epoch;
    this.epoch = this.newEpoch(now);
  }

  /** After a timeout small datagrams went, and one arrived: were all large ones lost? */
  private resolve({ before, settledBytes, large, smallBytes }: Doubt, now: number): void {
    const lostPackets = this.counts.lostPackets - before.lostPackets;
    const lostBytes = this.counts.lostBytes - before.lostBytes;
    const isHole = this.settledBytes - settledBytes - lostBytes <= smallBytes;
    if (lostPackets < Math.min(large, BLACK_HOLE_DATAGRAMS) || !isHole) this.suspicions = 0;
    else {
      // Few may be lost by chance, but not again and again.
      this.suspicions += 1;
      if (lostPackets >= BLACK_HOLE_DATAGRAMS || this.suspicions >= SUSPICIONS) this.fallBack(now);
    }
  }

  private newEpoch(now: number): Epoch {
    const { counts, sentBytes, settledBytes } = this;
    return { startMs: now, markBytes: sentBytes, settledBytes, before: counts, large: 0 };
  }

  private fallBack(now: number): void {
    if (now - this.raisedMs >= HELD_MS) this.raiseWaitMs = FIRST_RAISE_MS;
    this.current = this.base;
    this.ceiling = this.max;
    this.failed = false;
    this.doubt = undefined;
    this.suspicions = 0;
    this.round = undefined;
    this.wanted = 1;
    this.due = false;
    this.full = 0;
    this.roundsLost = 0;
    this.timeouts = 0;
    this.raiseLater(now);
    this.epoch = this.newEpoch(now);
  }
}
