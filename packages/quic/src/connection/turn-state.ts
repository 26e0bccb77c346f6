import { AckDelay } from './ack-delay.js';
import { TurnSpacing } from './turn-spacing.js';

/**
 * Others have their turn when one that delivers has taken so long, and as long before for packets that were held; what is
 * left is delivered in the next.
 */
const MAX_DELIVERY_MS = 1;

/** What a turn is for, and when the next is due. Pure; times in ms. */
export class TurnState {
  /** Of the half of a turn that runs, or ran last. */
  nowMs: number;
  private partMs = 0;
  /** Half of a turn is under way: time stands still, and the loop need not be woken. */
  running = false;
  /** This turn sends, even if only acknowledgements are due. */
  private urgent = true;
  /** A stream was attached or resumed while others were read, or time was up before all was read. */
  private readMore = false;
  private readonly acks = new AckDelay();
  private readonly spacing = new TurnSpacing();

  constructor(now: number) {
    this.nowMs = now;
  }

  /** When the next turn is due for what was received; Infinity when all was looked at and acknowledged. */
  get dueMs(): number {
    return Math.min(this.acks.dueMs, this.spacing.dueMs);
  }

  /** Whose time a packet takes that is read now: its own, or that of the turn which runs. */
  get timing(): 'alone' | 'inTurn' {
    return this.running ? 'inTurn' : 'alone';
  }

  /** A packet waits for its turn. */
  get hasReceived(): boolean {
    return this.spacing.dueMs !== Infinity;
  }

  get owesAcknowledgement(): boolean {
    return this.acks.dueMs !== Infinity;
  }

  beginDelivery(now: number): void {
    this.begin(now);
  }

  /** What was received until now is looked at in this turn. */
  takeReceived(): void {
    this.spacing.taken(this.nowMs);
  }

  beginTransmission(now: number): void {
    this.begin(now);
    if (now >= this.acks.dueMs) this.urgent = true;
  }

  /** What follows in this turn has time of its own. */
  beginPart(now: number): void {
    this.partMs = now;
  }

  isTimeUp(now: number): boolean {
    return now - this.partMs > MAX_DELIVERY_MS;
  }

  endDelivery(): void {
    this.running = false;
  }

  endTransmission(): void {
    this.running = false;
    this.urgent = false;
  }

  wantToSend(): void {
    this.urgent = true;
  }

  wantToRead(): void {
    this.readMore = true;
  }

  /** Whether there is more to be read, and it is asked for once. */
  takeReadMore(): boolean {
    const more = this.readMore;
    this.readMore = false;
    return more;
  }

  /** A packet came, on a path whose lowest RTT is `minRttMs`; when its turn is due. */
  received(now: number, minRttMs: number): number {
    this.acks.received(now);
    return this.spacing.received(now, minRttMs);
  }

  /** Everything that was received is acknowledged. */
  sent(): void {
    this.acks.sent();
  }

  /** Nothing but an acknowledgement is due, and it can wait; `quietMs`: since much was sent. */
  holdsAcknowledgement(quietMs: number, rttMs: number): boolean {
    return !this.urgent && this.acks.mayWait(this.nowMs, quietMs, rttMs);
  }

  private begin(now: number): void {
    this.nowMs = now;
    this.partMs = now;
    this.running = true;
  }
}
