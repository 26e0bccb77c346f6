import { KwikError } from '@kwik/wire';
import type { RttView } from '../rtt/rtt-estimator.js';
import { SpuriousSilence } from './spurious-silence.js';
import { DEFAULT_MAX_ACK_DELAY_MS } from '../packets/ack-tracker.js';

/**
 * Added to every wait for an answer: timers of whole milliseconds and one turn of a busy event loop on each side. What is
 * known as the lowest RTT may be off by as much, for a handshake holds computation.
 */
export const ANSWER_MARGIN_MS = 10;
/** Share of the smoothed RTT by which an answer may be late before its path is suspected; 4 variations in between. */
const MIN_LATENESS_RTT = 1 / 8;
const MAX_LATENESS_RTT = 1 / 2;
/** A flow that pauses for a quarter of an RTT is asked whether it lives: so the answer is in when suspicion is due. */
const FLOW_PAUSE_RTT = 1 / 4;
/** A flow of 2 Mbit/s brings a datagram every 5 ms; shorter pauses say nothing. */
const MIN_FLOW_PAUSE_MS = 5;
/** While a reader waits for a peer that lives but has nothing to send, probes thin out to one per 2 RTT or this. */
export const MAX_WAITING_PROBE_MS = 250;
const WAITING_PROBE_RTT = 2;
/** A probe's answer comes as an acknowledgement and a reply, and each again; more than that is a flow. */
const ANSWER_RECEIPTS = 3;
/**
 * RFC 9002, section 7.6.1: three probe timeouts of silence are what it calls persistent congestion. A KWIK sample holds
 * QUIC's retransmissions, so one lost datagram blows the variation up: here it counts for one smoothed RTT at most.
 */
const DEATH_PTO_COUNT = 3;
/** A garbage collection, a Wi-Fi scan or a route change takes up to some 400 ms; a path outlives those. */
export const MIN_DEATH_MS = 500;
/** Probes between suspicion and death, the one at suspicion not counted. */
const SUSPECT_PROBES = 3;
/** When nothing is expected; keeps NATs open (RFC 9308, section 3.2: probes at least every 30 s). */
export const DEFAULT_KEEP_ALIVE_MS = 15_000;
/**
 * A timer later than this means that this process stood still, and silence during that time proves nothing. It has as
 * long to read what came: a server of many paths that asked all of them then would never catch up.
 */
const STALL_MS = 50;
/**
 * A timer that is a little late may run before the socket was read, which holds the answer: so long it is read first. One
 * that is on time costs nothing.
 */
const LATE_MS = 2;
const CONFIRM_MS = 4;
/** So often in a row is that believed; a process whose timers are always late must still see a path die. */
const MAX_STALLS = 3;

export interface LivenessOptions {
  /** Time between probes when nothing is expected, milliseconds; `Infinity` for none. */
  readonly keepAliveMs?: number;
  /** How long the peer may hold back an acknowledgement. */
  readonly maxAckDelayMs?: number;
  /** Lower bound of the silence after which a path is dead. */
  readonly minDeathMs?: number;
  /**
   * How long an answer may take at least where nothing is owed, or nothing can be fetched elsewhere (`alone`): by waiting
   * nothing is lost, and a server of very many paths takes a while. Default: 0.
   */
  readonly patienceMs?: number;
}

export interface LivenessActions {
  /** Send a ping that asks for a reply, now. It need not be reported by `onSentEliciting`. */
  readonly probe?: true;
  /** Once per suspicion: fetch elsewhere what this path owes. */
  readonly suspect?: true;
  /** Once, at last. */
  readonly dead?: true;
}

/**
 * Tells when a path's silence means trouble, on idle and on loaded paths alike. Sans-IO: call `handleTimeout` at
 * `nextTimeoutMs`, ask again after every input. All times are milliseconds on the caller's clock.
 *
 * Silence counts from a *question*: a packet that elicits an acknowledgement, or a probe. Where nothing was asked
 * (a reader that waits for granted data sends nothing) a pause in the flow of a quarter of an RTT makes the monitor
 * ask. A question that stays unanswered
 * - for `smoothed RTT + 4 variations (bounded by 1/8 and 1/2 RTT) + 10 ms`, and the peer's acknowledgement delay where
 *   the question was no probe, makes the path *suspected*: its data is fetched elsewhere, which costs an RTT of the other
 *   path, and more probes go out;
 * - for three probe timeouts (RFC 9002), but no less than 500 ms, makes it *dead*.
 *
 * Anything valid from the peer clears suspicion and starts the count anew. A silence that ended well is not suspected
 * again soon, nor is one that was found by a late timer before the socket was read.
 */
export class LivenessMonitor {
  readonly #rtt: RttView;
  readonly #keepAliveMs: number;
  readonly #maxAckDelayMs: number;
  readonly #minDeathMs: number;
  readonly #patienceMs: number;
  #lastReceivedMs: number;
  #expecting = false;
  /** Since when the reader waits without having heard anything. */
  #pauseSinceMs: number;
  /** From when an unanswered eliciting packet counts, and when the last one went out. */
  #askedAtMs: number | undefined;
  #lastElicitingMs = Number.NEGATIVE_INFINITY;
  /** What was asked before the last receipt, and was not answered by it. */
  #leftOver = false;
  /** The same for probes. */
  #probedAtMs: number | undefined;
  #lastProbeMs = Number.NEGATIVE_INFINITY;
  /** Receipts since the last probe, up to what distinguishes an answer from a flow. */
  #receipts = ANSWER_RECEIPTS + 1;
  /** Doubles with each probe that found a living peer with nothing to send. */
  #pauseFactor = 1;
  /** Late timers excused since the peer was last heard, and until when nothing is done for the last one. */
  #stalls = 0;
  #excusedUntilMs = Number.NEGATIVE_INFINITY;
  /** Since the peer was last heard, the socket was read once before a suspicion. */
  #readFirst = false;
  readonly #spurious = new SpuriousSilence();
  /** From when the answer was awaited whose absence made the path suspected. */
  #silentSinceMs = 0;
  #alone = false;
  #suspected = false;
  #dead = false;
  /** How often its death was put off since the peer was last heard. */
  #putOffs = 0;
  #dueMs: number | undefined;

  constructor(now: number, rtt: RttView, options: LivenessOptions = {}) {
    this.#rtt = rtt;
    this.#keepAliveMs = options.keepAliveMs ?? DEFAULT_KEEP_ALIVE_MS;
    this.#maxAckDelayMs = options.maxAckDelayMs ?? DEFAULT_MAX_ACK_DELAY_MS;
    this.#minDeathMs = options.minDeathMs ?? MIN_DEATH_MS;
    this.#patienceMs = options.patienceMs ?? 0;
    if (!(this.#keepAliveMs > 0))
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', 'keep-alive interval is not above 0');
    this.#lastReceivedMs = now;
    this.#pauseSinceMs = now;
    this.#reschedule();
  }

  get suspected(): boolean {
    return this.#suspected;
  }

  get dead(): boolean {
    return this.#dead;
  }

  get lastReceivedMs(): number {
    return this.#lastReceivedMs;
  }

  /** An absolute time, not a delay; `undefined` when there is nothing to wait for. */
  nextTimeoutMs(): number | undefined {
    return this.#dueMs;
  }

  /**
   * Anything valid came from the peer at `now` (it may lie a little in the past: `PathTransport.lastReceivedMs()`).
   * True when that cleared a suspicion.
   */
  onReceived(now: number): boolean {
    if (this.#dead || now <= this.#lastReceivedMs) return false;
    this.#lastReceivedMs = now;
    this.#pauseSinceMs = Math.max(this.#pauseSinceMs, now);
    this.#stalls = 0;
    this.#putOffs = 0;
    this.#readFirst = false;
    this.#countReceipt();
    // Reported late, and from before the question: it proves nothing.
    if (now < this.#askedSinceMs()) {
      this.#reschedule();
      return false;
    }
    // What arrives sooner than an answer can is no answer: the question stays open, its clock starts anew.
    // Where nothing flows and nothing was asked but this, whatever comes is one.
    const earliestMs = this.#idle ? 0 : this.#rtt.minMs / 2 - ANSWER_MARGIN_MS;
    const isAnswer = (askedMs: number): boolean => now - askedMs >= earliestMs;
    if (this.#askedAtMs !== undefined) this.#askedAtMs = isAnswer(this.#lastElicitingMs) ? undefined : now;
    if (this.#probedAtMs !== undefined) this.#probedAtMs = isAnswer(this.#lastProbeMs) ? undefined : now;
    this.#leftOver = false;
    const cleared = this.#suspected;
    if (cleared) this.#spurious.learn(now - this.#silentSinceMs, now, this.#answerMs() + STALL_MS);
    this.#suspected = false;
    this.#reschedule();
    return cleared;
  }

  /** A packet that elicits an acknowledgement went out. */
  onSentEliciting(now: number): void {
    if (this.#dead) return;
    this.#askedAtMs ??= now;
    this.#leftOver = false;
    this.#lastElicitingMs = now;
    this.#reschedule();
  }

  /**
   * Are packets of ours unacknowledged, after all that was received? Then it did not answer for all of them: where the
   * path is full nothing new is sent, and nothing else would ask. Call after every receipt, and when acknowledgements
   * have been read.
   */
  unacknowledged(on: boolean): void {
    const changes = on ? this.#askedAtMs === undefined : this.#leftOver;
    if (this.#dead || !changes) return;
    this.#askedAtMs = on ? this.#lastReceivedMs : undefined;
    this.#leftOver = on;
    this.#reschedule();
  }

  /** Do we wait for data that was asked for? Only changes matter; call as often as convenient. */
  expect(on: boolean, now: number): void {
    if (on === this.#expecting) return;
    this.#expecting = on;
    this.#pauseSinceMs = Math.max(this.#lastReceivedMs, now);
    this.#pauseFactor = 1;
    this.#reschedule();
  }

  /** There is no other path: suspicion of this one would help nobody. */
  set alone(alone: boolean) {
    if (alone === this.#alone) return;
    this.#alone = alone;
    this.#reschedule();
  }

  /**
   * It is dead, and to be listened to all the same: another way is looked for meanwhile. It stays suspected, is asked ever more
   * rarely, and falls due again after as long a silence.
   */
  putOff(now: number): void {
    if (!this.#dead) return;
    this.#dead = false;
    this.#putOffs += 1;
    if (this.#askedAtMs !== undefined) this.#askedAtMs = now;
    if (this.#probedAtMs !== undefined) this.#probedAtMs = now;
    this.#reschedule();
  }

  /** What to do at `now`; nothing when it is called early. */
  handleTimeout(now: number): LivenessActions {
    if (this.#dueMs === undefined || now < this.#dueMs) return {};
    if (now - this.#dueMs > STALL_MS && this.#stalls < MAX_STALLS) return this.#afterStall(now);
    const mayBeRead = !this.#readFirst && now - this.#dueMs > LATE_MS;
    const actions = mayBeRead && !this.#suspected && now >= this.#suspectAtMs() ? this.#confirm(now) : this.#act(now);
    this.#reschedule();
    return actions;
  }

  #confirm(now: number): LivenessActions {
    this.#readFirst = true;
    this.#excusedUntilMs = now + CONFIRM_MS;
    return {};
  }

  #act(now: number): LivenessActions {
    if (this.#suspected && now >= this.#deathAtMs()) {
      this.#dead = true;
      return { dead: true };
    }
    if (!this.#suspected && now >= this.#suspectAtMs()) {
      this.#suspected = true;
      this.#silentSinceMs = this.#awaitedSinceMs();
      this.#probe(now);
      return { suspect: true, probe: true };
    }
    if (now < this.#probeAtMs()) return {};
    this.#probe(now);
    return { probe: true };
  }

  /** The socket may hold what came while this process stood still: read that first, and count from now. */
  #afterStall(now: number): LivenessActions {
    this.#stalls += 1;
    if (this.#askedAtMs !== undefined) this.#askedAtMs = now;
    if (this.#probedAtMs !== undefined) this.#probedAtMs = now;
    this.#pauseSinceMs = now;
    this.#excusedUntilMs = now + STALL_MS;
    this.#reschedule();
    return {};
  }

  #probe(now: number): void {
    this.#probedAtMs ??= now;
    this.#lastProbeMs = now;
    if (this.#receipts <= ANSWER_RECEIPTS) this.#pauseFactor *= 2;
    this.#receipts = 0;
  }

  #countReceipt(): void {
    this.#receipts += 1;
    if (this.#receipts > ANSWER_RECEIPTS) this.#pauseFactor = 1;
  }

  #reschedule(): void {
    const actAtMs = Math.min(this.#suspected ? this.#deathAtMs() : this.#suspectAtMs(), this.#probeAtMs());
    const due = !this.#dead && actAtMs < Number.POSITIVE_INFINITY;
    this.#dueMs = due ? Math.max(actAtMs, this.#excusedUntilMs) : undefined;
  }

  /** The path owes nothing and is owed nothing. */
  get #idle(): boolean {
    return this.#askedAtMs === undefined && !this.#expecting;
  }

  /** Start of the longest open question; `Infinity` when there is none. */
  #askedSinceMs(): number {
    return Math.min(this.#askedAtMs ?? Number.POSITIVE_INFINITY, this.#probedAtMs ?? Number.POSITIVE_INFINITY);
  }

  #answerMs(): number {
    const { smoothedMs, rttVarMs } = this.#rtt;
    const lateness = Math.min(Math.max(4 * rttVarMs, smoothedMs * MIN_LATENESS_RTT), smoothedMs * MAX_LATENESS_RTT);
    return smoothedMs + lateness + ANSWER_MARGIN_MS;
  }

  /** From when the oldest answer is awaited: a probe's at once, others may be held back. */
  #awaitedSinceMs(): number {
    const probed = this.#probedAtMs ?? Number.POSITIVE_INFINITY;
    const asked = this.#askedAtMs ?? Number.POSITIVE_INFINITY;
    return Math.min(asked + this.#maxAckDelayMs, probed);
  }

  #suspectAtMs(): number {
    const sinceMs = this.#awaitedSinceMs();
    if (sinceMs === Number.POSITIVE_INFINITY) return sinceMs;
    const patienceMs = this.#idle || this.#alone ? this.#patienceMs : 0;
    return sinceMs + Math.max(this.#answerMs(), patienceMs, this.#spurious.leastMs(sinceMs));
  }

  #deathMs(): number {
    const { smoothedMs, rttVarMs } = this.#rtt;
    const probeTimeoutMs = smoothedMs + Math.min(4 * rttVarMs, smoothedMs) + this.#maxAckDelayMs;
    return Math.max(DEATH_PTO_COUNT * probeTimeoutMs, this.#minDeathMs);
  }

  #deathAtMs(): number {
    return this.#askedSinceMs() + this.#deathMs();
  }

  #probeAtMs(): number {
    if (this.#suspected) {
      const interval = (2 ** this.#putOffs * (this.#deathMs() - this.#answerMs())) / (SUSPECT_PROBES + 1);
      return this.#lastProbeMs + Math.max(interval, ANSWER_MARGIN_MS);
    }
    // A question is open: its answer, or suspicion, comes first.
    if (this.#probedAtMs !== undefined) return Number.POSITIVE_INFINITY;
    const keepAlive = this.#lastReceivedMs + this.#keepAliveMs;
    if (!this.#expecting) return keepAlive;
    const longest = Math.max(WAITING_PROBE_RTT * this.#rtt.smoothedMs, MAX_WAITING_PROBE_MS);
    const shortest = Math.max(this.#rtt.smoothedMs * FLOW_PAUSE_RTT, MIN_FLOW_PAUSE_MS);
    return Math.min(keepAlive, this.#pauseSinceMs + Math.min(shortest * this.#pauseFactor, longest));
  }
}
