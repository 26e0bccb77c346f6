import { SpuriousSilence } from './spurious-silence.js';

/** Receipts before a flow is judged by their distances. */
const MIN_RECEIPTS = 16;
/** Gains of the mean distance and of its deviation, as RFC 6298 has them for round-trip times. */
const MEAN_GAIN = 1 / 8;
const DEVIATION_GAIN = 1 / 4;
/** What is common in a flow lies within so many deviations. */
const DEVIATIONS = 8;
/** Shorter pauses say nothing: the turns of two busy processes, a few lost datagrams, a link that is shared. */
const MIN_STALL_MS = 25;
/** A pause that lasted longer than so many RTTs, and than this, was none of the flow's own. */
const MAX_SPURIOUS_RTTS = 1.5;
const MAX_SPURIOUS_MS = 200;
/** This process may have stood still, with what came in the socket's buffer: so long it is read first. */
const CONFIRM_MS = 4;
/** Packets whose answers should come apart by no more than a stall may be sent apart by this much less. */
const SEND_MARGIN_MS = 8;

/**
 * Tells that a flow has stopped long before an answer is overdue: where data, or acknowledgements of what is sent all the
 * time, came every few milliseconds and nothing has come for much longer than any pause of late, the path is *stalled*.
 * It may be a mistake, so all that follows is that what the path owes is asked of others as well; the next sign of life
 * ends it. Sans-IO, times in ms on the caller's clock: call `handleTimeout` at `nextTimeoutMs`, ask again after each input.
 */
export class FlowMonitor {
  #lastMs = Number.NEGATIVE_INFINITY;
  #receipts = 0;
  #meanMs = 0;
  #deviationMs = 0;
  readonly #spurious = new SpuriousSilence();
  #expecting = false;
  #unacknowledged = false;
  /** Since when packets went out without a pause, and the last of them. */
  #sendingSinceMs = Number.POSITIVE_INFINITY;
  #lastSentMs = Number.NEGATIVE_INFINITY;
  #confirmAtMs: number | undefined;
  /** The pause after this receipt was looked at. */
  #judgedMs = Number.NEGATIVE_INFINITY;
  #stalled = false;

  get stalled(): boolean {
    return this.#stalled;
  }

  /** Anything valid came from the peer at `now`. True when that ended a stall. */
  onReceived(now: number, rttMs: number): boolean {
    if (now <= this.#lastMs) return false;
    const gapMs = now - this.#lastMs;
    this.#lastMs = now;
    this.#confirmAtMs = undefined;
    const ended = this.#stalled;
    this.#stalled = false;
    if (ended) this.#spurious.learn(gapMs, now, Math.max(MAX_SPURIOUS_RTTS * rttMs, MAX_SPURIOUS_MS));
    else if (this.#receipts === 0) this.#begin();
    else this.#count(gapMs);
    return ended;
  }

  /** A packet that elicits an acknowledgement went out. */
  onSent(now: number): void {
    if (now - this.#lastSentMs > this.#stallMs(now) - SEND_MARGIN_MS) this.#sendingSinceMs = now;
    this.#lastSentMs = now;
  }

  /** Do we wait for data that was asked for? Only changes matter. */
  expect(on: boolean): void {
    if (on && !this.#expecting) this.#receipts = 0;
    this.#expecting = on;
  }

  /** Are packets of ours unacknowledged? Only changes matter. */
  unacknowledged(on: boolean): void {
    this.#unacknowledged = on;
  }

  /** An absolute time; `undefined` when there is nothing to wait for. */
  nextTimeoutMs(): number | undefined {
    if (this.#stalled || this.#receipts < MIN_RECEIPTS || this.#judgedMs === this.#lastMs) return undefined;
    if (!this.#expecting && !this.#unacknowledged) return undefined;
    return this.#confirmAtMs ?? this.#lastMs + this.#stallMs(this.#lastMs);
  }

  /** True when the path is stalled from now on. */
  handleTimeout(now: number, rttMs: number): boolean {
    const dueMs = this.nextTimeoutMs();
    if (dueMs === undefined || now < dueMs) return false;
    if (this.#confirmAtMs === undefined) {
      this.#confirmAtMs = now + CONFIRM_MS;
      return false;
    }
    this.#confirmAtMs = undefined;
    this.#judgedMs = this.#lastMs;
    this.#stalled = this.#expecting || this.#answersAreDue(rttMs);
    return this.#stalled;
  }

  /** What was sent a round trip before the pause, and went on being sent, would have brought answers during it. */
  #answersAreDue(rttMs: number): boolean {
    const sentMs = this.#lastMs - rttMs;
    return (
      this.#unacknowledged && this.#sendingSinceMs <= sentMs && this.#lastSentMs >= sentMs + this.#stallMs(this.#lastMs)
    );
  }

  #stallMs(now: number): number {
    return Math.max(MIN_STALL_MS, this.#meanMs + DEVIATIONS * this.#deviationMs, this.#spurious.leastMs(now));
  }

  #begin(): void {
    this.#receipts = 1;
    this.#meanMs = 0;
    this.#deviationMs = 0;
  }

  #count(gapMs: number): void {
    this.#receipts += 1;
    this.#deviationMs += DEVIATION_GAIN * (Math.abs(gapMs - this.#meanMs) - this.#deviationMs);
    this.#meanMs += MEAN_GAIN * (gapMs - this.#meanMs);
  }
}
