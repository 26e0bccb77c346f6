/** What a pacing rate is computed from; times in milliseconds. */
export interface PathModel {
  readonly cwndBytes: number;
  /** Smoothed and lowest RTT; 0 when there is none. */
  readonly rttMs: number;
  readonly minRttMs: number;
  /** Sent, and neither acknowledged nor lost. */
  readonly inFlightBytes: number;
  /** Acknowledged since the connection began, give or take a packet. */
  readonly deliveredBytes: number;
  /** Since the connection began. */
  readonly lostBytes: number;
  /** Since the last sample the path, not the application, set the pace. */
  readonly pathLimited: boolean;
}

/** Above cwnd/RTT, so that pacing never is what limits a window (RFC 9002, section 7.7, proposes 1.25). */
const WINDOW_GAIN = 1.25;

/** Bytes per millisecond for a controller whose window is the whole truth: NewReno, CUBIC. */
export function windowRate(path: PathModel): number {
  return (WINDOW_GAIN * path.cwndBytes) / path.rttMs;
}

/**
 * Probe for more, drain the queue that this made, then cruise, a round trip each (BBR, section 4.3.4.1). Cruising is a
 * little above what was measured, for what timers and rounding lose; draining takes as long as it needs in return.
 */
const PROBE_GAIN = 1.25;
const CRUISE_GAIN = 1.02;
const CRUISE_ROUNDS = 6;
/** A probe that loses so much of what is in flight has found the end of the queue (BBRv3's limit). */
const PROBE_LOSS = 0.02;
/**
 * The pipe is full when three round trips did not bring a quarter more (BBR, section 4.3.2.2), and it shows: a queue
 * stands, or something was lost. A user who has little to send for some round trips makes them flat as well.
 */
const FULL_GROWTH = 1.25;
const FULL_ROUNDS = 3;
const FULL_QUEUE = 1.25;
/** It was not full after all when a round trip brings so much more, and the RTT stays as low as this. */
const REGROWTH = 1.12;
const LOW_RTT = 1.5;
const LOW_RTT_SLACK_MS = 2;
/**
 * Until no more is in flight than the path holds, but for so many round trips at most. What timers, acknowledgements in
 * clumps and a coarse clock add to each round trip counts as the path's, or the link runs dry before the drain ends.
 */
const DRAIN_GAIN = 0.75;
const DRAIN_SLACK_MS = 3;
const DRAIN_ROUNDS = 4;
/** Round trips of which the second best counts. */
const BANDWIDTH_ROUNDS = 10;
/** Bytes per round trip that may always go: BBR's smallest pipe is four datagrams. At rate 0 no path would ever be seen. */
const MIN_PIPE_BYTES = 4 * 1200;
/**
 * A round trip is over when what was in flight at its beginning has settled, but for what counting loses; a smoothed RTT
 * lags behind where a queue grows. After so many smoothed RTTs it never will be.
 */
const SETTLED_SHARE = 0.9;
const HELD_ROUNDS = 4;
/** Shorter measurements see bursts instead of rates. */
const MIN_ROUND_MS = 10;

/**
 * Pacing for BBR (draft-cardwell-iccrg-bbr-congestion-control-00). The backend's BBR only sets a window, to twice the
 * bandwidth-delay product; paced by window/RTT alone that window fills, and a queue of a whole bandwidth-delay product
 * stands at the bottleneck. So the bandwidth is measured here, over whole round trips, and BBR's cycle applied to it.
 * Pure.
 */
export class BbrRate {
  private readonly rounds: number[] = [];
  private roundStartMs = -Infinity;
  private roundDelivered = 0;
  private roundInFlight = 0;
  private roundLost = 0;
  private roundPathLimited = false;
  private fullRate = 0;
  private flatRounds = 0;
  private state: 'startup' | 'probe' | 'drain' | 'cruise' = 'startup';
  private stateEndMs = Infinity;
  private stateLost = 0;

  /** Bytes per millisecond; 0 during startup. */
  get bandwidth(): number {
    return this.state === 'startup' ? 0 : secondBest(this.rounds);
  }

  /** Bytes per millisecond. */
  rate(path: PathModel, now: number): number {
    this.observe(path, now);
    const window = windowRate(path);
    if (this.state === 'startup') return window;
    const bandwidth = secondBest(this.rounds);
    this.advance(path, bandwidth, now);
    return Math.min(window, Math.max(this.gain() * bandwidth, MIN_PIPE_BYTES / path.rttMs));
  }

  private gain(): number {
    switch (this.state) {
      case 'startup':
      case 'cruise':
        return CRUISE_GAIN;
      case 'probe':
        return PROBE_GAIN;
      case 'drain':
        return DRAIN_GAIN;
    }
  }

  private advance(path: PathModel, bandwidth: number, now: number): void {
    if (now < this.stateEndMs && !this.isDone(path, bandwidth)) return;
    if (this.state === 'probe') this.enter('drain', now + DRAIN_ROUNDS * path.rttMs, path);
    else if (this.state === 'drain') this.enter('cruise', now + CRUISE_ROUNDS * path.rttMs, path);
    else this.enter('probe', now + path.rttMs, path);
  }

  /** Before its time is over. */
  private isDone({ inFlightBytes, lostBytes, minRttMs }: PathModel, bandwidth: number): boolean {
    if (this.state === 'probe') return lostBytes - this.stateLost > PROBE_LOSS * inFlightBytes;
    return this.state === 'drain' && inFlightBytes <= bandwidth * (minRttMs + DRAIN_SLACK_MS);
  }

  private enter(state: 'probe' | 'drain' | 'cruise', endMs: number, { lostBytes }: PathModel): void {
    this.state = state;
    this.stateEndMs = endMs;
    this.stateLost = lostBytes;
  }

  /** Once per round trip: what was delivered in it, unless the application had too little to send. */
  private observe(path: PathModel, now: number): void {
    this.roundPathLimited &&= path.pathLimited;
    const elapsedMs = now - this.roundStartMs;
    if (elapsedMs < Math.max(path.rttMs, MIN_ROUND_MS)) return;
    const delivered = path.deliveredBytes - this.roundDelivered;
    const settled = delivered + path.lostBytes - this.roundLost;
    const isOver = settled >= SETTLED_SHARE * this.roundInFlight;
    if (!isOver && elapsedMs < HELD_ROUNDS * path.rttMs) return;
    // The backend tells what may be sent, not what keeps more from being sent. A peer whose reader stands still closes
    // the window as a full path does, and what is "in flight" then never arrives. Such rounds say nothing of the path:
    // taken for its bandwidth they would stop it for good.
    if (this.roundPathLimited && isOver) this.record(delivered / elapsedMs, path, now);
    this.roundStartMs = now;
    this.roundInFlight = path.inFlightBytes;
    this.roundDelivered = path.deliveredBytes;
    this.roundLost = path.lostBytes;
    this.roundPathLimited = true;
  }

  private record(rate: number, path: PathModel, now: number): void {
    const before = secondBest(this.rounds);
    this.rounds.push(rate);
    if (this.rounds.length > BANDWIDTH_ROUNDS) this.rounds.shift();
    const lossy = path.lostBytes > this.roundLost;
    if (this.state !== 'startup') {
      if (!lossy && before > 0 && rate >= REGROWTH * before && isLow(path)) this.restart(rate);
      return;
    }
    if (rate >= FULL_GROWTH * this.fullRate) {
      this.fullRate = rate;
      this.flatRounds = 0;
      return;
    }
    if (!lossy && path.inFlightBytes <= FULL_QUEUE * rate * path.minRttMs) return;
    this.flatRounds += 1;
    if (this.flatRounds >= FULL_ROUNDS) this.enter('drain', now + DRAIN_ROUNDS * path.rttMs, path);
  }

  /** One flat round trip ends it again. */
  private restart(rate: number): void {
    this.state = 'startup';
    this.fullRate = rate;
    this.flatRounds = FULL_ROUNDS - 1;
  }
}

function isLow({ rttMs, minRttMs }: PathModel): boolean {
  return rttMs <= LOW_RTT * minRttMs + LOW_RTT_SLACK_MS;
}

/** The best of all is too often one that came after a stall, when much arrived at once. */
function secondBest(rates: readonly number[]): number {
  let [best, second] = [0, 0];
  for (const rate of rates) {
    if (rate > best) [best, second] = [rate, best];
    else if (rate > second) second = rate;
  }
  return second;
}
