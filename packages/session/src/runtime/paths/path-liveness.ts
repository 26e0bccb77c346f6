import { FlowMonitor, LivenessMonitor, type LivenessActions, type PathFlow, type RttView } from '@kwik/paths';
import { earlierTime } from '../waiting/earlier-time.js';

/** V2.3: an unreachable server is noticed within 5 s, also on a path that carries nothing: 3 s and the time to be sure. */
const KEEP_ALIVE_MS = 3000;
/** For an answer on an idle path, or the only one: a server of 10,000 needs so long for a busy moment of its own. */
const PATIENCE_MS = 1000;
/** A server leaves the asking to its client, which has fewer paths to look after, unless that has missed its own time twice. */
const SERVER_PATIENCE_MS = 3500;
/**
 * What a silent path owes is fetched elsewhere as soon as it is suspected, so its death can wait until a busy machine has
 * had time to answer. The first path may be the only one to the primary.
 */
const DEATH_MS = 1500;
const FIRST_PATH_DEATH_MS = 3000;
/** A silence that was an outage and no late answer: QUIC has much to send again. */
const MIN_OUTAGE_MS = 200;
const OUTAGE_RTTS = 2;
/** After an outage, what QUIC sends again takes a window at the path's rate; new data does not wait longer for it. */
const MAX_SETTLING_MS = 1000;

/**
 * Shares of the time after which an idle connection is given up that a client, and for want of it a server, lets pass
 * before it asks: what it asks has time to be sent again before the rest is over.
 */
const IDLE_SHARE = 1 / 3;
const SERVER_IDLE_SHARE = 9 / 20;

export interface PathLivenessOptions {
  readonly side: 'client' | 'server';
  readonly firstPath: boolean;
  /** Silence after which either end gives the connection up; 0 for never, which is the default. */
  readonly idleTimeoutMs?: number | undefined;
}

/** What a path's silence means: whether its flow has stopped, whether it answers, and whether it is back. Times in ms. */
export class PathLiveness {
  readonly #liveness: LivenessMonitor;
  readonly #flow = new FlowMonitor();
  #heardMs: number;
  #alone = false;
  /** When it came back from an outage, until it is as it was. */
  #backSinceMs: number | undefined;

  constructor(now: number, rtt: RttView, { side, firstPath, idleTimeoutMs = 0 }: PathLivenessOptions) {
    this.#heardMs = now;
    this.#liveness = new LivenessMonitor(now, rtt, {
      keepAliveMs: keepAliveMs(side, idleTimeoutMs === 0 ? Infinity : idleTimeoutMs),
      patienceMs: PATIENCE_MS,
      minDeathMs: firstPath ? FIRST_PATH_DEATH_MS : DEATH_MS,
    });
  }

  get alone(): boolean {
    return this.#alone;
  }

  /** Whether the session has no other path. */
  set alone(alone: boolean) {
    this.#alone = alone;
    this.#liveness.alone = alone;
  }

  /** A path that has nobody to take over what it owes never counts as stalled. */
  get flow(): PathFlow {
    if (!this.#alone && this.#flow.stalled) return 'stalled';
    return this.settling ? 'settling' : 'steady';
  }

  /** It has just come back from an outage: what would follow on its streams waits for what QUIC sends again. */
  get settling(): boolean {
    return this.#backSinceMs !== undefined;
  }

  /** Whether data that was asked for should be coming. */
  expect(on: boolean, now: number): void {
    this.#liveness.expect(on, now);
    this.#flow.expect(on);
  }

  /** A packet that elicits an acknowledgement went out. */
  onSent(now: number): void {
    this.#liveness.onSentEliciting(now);
    this.#flow.onSent(now);
  }

  /**
   * The path was last heard at `heardMs`; `isUnacknowledged`: packets of this end are. Tells what ends with that: a
   * suspicion, or the stall of a flow.
   */
  hear(heardMs: number, rttMs: number, isUnacknowledged: boolean): 'suspicion' | 'stall' | undefined {
    let ends: 'suspicion' | 'stall' | undefined;
    if (heardMs > this.#heardMs) {
      const silentMs = heardMs - this.#heardMs;
      this.#heardMs = heardMs;
      if (this.#flow.onReceived(heardMs, rttMs)) ends = 'stall';
      if (this.#liveness.onReceived(heardMs)) {
        ends = 'suspicion';
        if (silentMs > Math.max(MIN_OUTAGE_MS, OUTAGE_RTTS * rttMs)) this.#backSinceMs = heardMs;
      }
    }
    this.#liveness.unacknowledged(isUnacknowledged);
    this.#flow.unacknowledged(isUnacknowledged);
    return ends;
  }

  /** While settling: true, once, when all that was sent before has been acknowledged, or should have been. */
  settlesIn(oldestSentMs: number | undefined, now: number): boolean {
    if (this.#backSinceMs === undefined) return false;
    if ((oldestSentMs ?? now) < this.#backSinceMs && now < this.#backSinceMs + MAX_SETTLING_MS) return false;
    this.#backSinceMs = undefined;
    return true;
  }

  nextTimeoutMs(): number | undefined {
    const settledMs = this.#backSinceMs === undefined ? undefined : this.#backSinceMs + MAX_SETTLING_MS;
    const stallMs = this.#alone ? undefined : this.#flow.nextTimeoutMs();
    return earlierTime(earlierTime(this.#liveness.nextTimeoutMs(), stallMs), settledMs);
  }

  /** What to do at `now`; `stall`: the flow has stopped. `isKept`: whether the only path, which is dead, is to be listened to. */
  handleTimeout(now: number, rttMs: number, isKept: () => boolean): LivenessActions & { readonly stall: boolean } {
    const actions = this.#liveness.handleTimeout(now);
    if (actions.dead === true && this.#alone && isKept()) {
      this.#liveness.putOff(now);
      return { stall: false };
    }
    return { ...actions, stall: !this.#alone && this.#flow.handleTimeout(now, rttMs) };
  }
}

function keepAliveMs(side: 'client' | 'server', idleTimeoutMs: number): number {
  if (side === 'client') return Math.min(KEEP_ALIVE_MS, IDLE_SHARE * idleTimeoutMs);
  return Math.min(KEEP_ALIVE_MS + SERVER_PATIENCE_MS, SERVER_IDLE_SHARE * idleTimeoutMs);
}
