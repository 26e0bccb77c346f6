/**
 * Turns for what was received are this share of a round trip apart, so that what arrives in between is processed and
 * answered together: at 20 Mbit/s every packet would else have a turn of its own, with all that a user does in it.
 */
const ROUND_TRIP_SHARE = 0.1;
const MAX_SPACING_MS = 2;
/** Timers cannot do less. */
const MIN_SPACING_MS = 1;

/** When a received packet has its turn. The first for a while has it at once. Pure; times in ms. */
export class TurnSpacing {
  private turnMs = -Infinity;
  private due = Infinity;

  /** When the turn of the oldest packet that had none is due; Infinity when all had. */
  get dueMs(): number {
    return this.due;
  }

  /** A turn was taken. */
  taken(now: number): void {
    this.turnMs = now;
    this.due = Infinity;
  }

  /** A packet came at `now`, on a path whose lowest RTT is `minRttMs`; returns `dueMs`. */
  received(now: number, minRttMs: number): number {
    const spacingMs = Math.min(MAX_SPACING_MS, ROUND_TRIP_SHARE * minRttMs);
    const dueMs = spacingMs < MIN_SPACING_MS ? now : Math.max(now, this.turnMs + spacingMs);
    this.due = Math.min(this.due, dueMs);
    return this.due;
  }
}
