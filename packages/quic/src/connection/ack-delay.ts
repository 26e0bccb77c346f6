/** Datagrams after which an acknowledgement is due. More of them save no time, and keep a window half closed. */
const ACK_EVERY_DATAGRAMS = 8;
/**
 * How long one is held back at most; far below the 25 ms of RFC 9000, section 18.2, so that a peer's round-trip times
 * and loss detection do not notice.
 */
const MAX_DELAY_MS = 1;
/** Who has sent much so lately may have to repeat some, and looks at every acknowledgement at once. */
const QUIET_ROUND_TRIPS = 4;
const QUIET_MS = 50;

/**
 * When a mere acknowledgement is due. Every turn of the loop would do, but a fast stream then costs a packet for every
 * three or four received, at both ends. Pure.
 */
export class AckDelay {
  private waiting = 0;
  private due = Infinity;
  private receivedMs = -Infinity;

  /** When the oldest datagram must be acknowledged, ms; Infinity when none waits. */
  get dueMs(): number {
    return this.due;
  }

  received(now: number): void {
    this.waiting += 1;
    // After a silence it is rarely the first of many, and a second turn costs more than a packet.
    if (this.due === Infinity) this.due = now - this.receivedMs > QUIET_MS ? now : now + MAX_DELAY_MS;
    this.receivedMs = now;
  }

  /** Everything that was received is acknowledged. */
  sent(): void {
    this.waiting = 0;
    this.due = Infinity;
  }

  /** Something was received, but little, and not long ago; and not much was sent of late (`quietMs` ago). */
  mayWait(now: number, quietMs: number, rttMs: number): boolean {
    if (quietMs <= QUIET_ROUND_TRIPS * rttMs + QUIET_MS) return false;
    return this.waiting > 0 && this.waiting < ACK_EVERY_DATAGRAMS && now < this.due;
  }
}
