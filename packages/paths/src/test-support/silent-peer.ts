import { RttEstimator } from '../rtt/rtt-estimator.js';
import { LivenessMonitor, type LivenessOptions } from '../liveness/liveness-monitor.js';

export interface PeerOptions {
  readonly rttMs: number;
  /** Every trip to the peer and back takes `rttMs` times 1 - jitter to 1 + jitter. */
  readonly jitter: number;
  /** 0 <= random() < 1. */
  readonly random: () => number;
  /** Datagrams of granted data come with this mean distance; none unless given. We `expect` them. */
  readonly dataEveryMs?: number;
  /** We send packets that elicit an acknowledgement with this mean distance; none unless given. */
  readonly sendEveryMs?: number;
  /** Share of datagrams, either way, that the network loses. QUIC sends again after its own probe timeout. */
  readonly loss?: number;
  /** From then on nothing of what is sent arrives, either way; what is on its way still does. */
  readonly cutAtMs?: number;
  /** The application on the other side stops sending data at this time, but lives. */
  readonly dataUntilMs?: number;
  readonly liveness?: LivenessOptions;
}

export interface PeerRun {
  readonly monitor: LivenessMonitor;
  readonly rtt: RttEstimator;
  /** When suspicion arose, each time. */
  readonly suspectedAtMs: readonly number[];
  readonly deadAtMs: number | undefined;
  readonly probes: number;
  /** When anything last arrived. */
  readonly lastArrivalMs: number;
  readonly lastDataMs: number;
}

const ACK_DELAY_MS = 20;
/** Samples taken before the run, as a handshake and the first exchanges would. */
const WARM_UP_SAMPLES = 30;

/** A monitor on virtual time before a peer that answers, sends, and at last falls silent. */
export function runPeer(untilMs: number, options: PeerOptions): PeerRun {
  const { random, rttMs } = options;
  const tripMs = (): number => rttMs * (1 - options.jitter + 2 * options.jitter * random());
  const rtt = new RttEstimator();
  for (let i = 0; i < WARM_UP_SAMPLES; i++) rtt.sample(tripMs(), 0, 0);
  const monitor = new LivenessMonitor(0, rtt, options.liveness ?? {});
  const events: { atMs: number; run: (now: number) => void }[] = [];
  const at = (atMs: number, run: (now: number) => void): void => {
    let index = events.length;
    while (index > 0 && (events[index - 1] as { atMs: number }).atMs > atMs) index -= 1;
    events.splice(index, 0, { atMs, run });
  };
  const state = {
    suspectedAtMs: [] as number[],
    deadAtMs: undefined as number | undefined,
    probes: 0,
    lastArrivalMs: 0,
    lastDataMs: 0,
  };
  const arrive = (now: number): void => {
    state.lastArrivalMs = now;
    monitor.onReceived(now);
  };
  /** Delivers after `delayMs`, or after QUIC's retransmission, unless the path is cut when it sets out. */
  const travel = (delayMs: number, now: number, then: (now: number) => void): void => {
    if (now >= (options.cutAtMs ?? Number.POSITIVE_INFINITY)) return;
    if (random() >= (options.loss ?? 0)) at(now + delayMs, then);
    else at(now + rtt.ptoMs(25), (later) => travel(delayMs, later, then));
  };
  const ask = (now: number, answerDelayMs: number): void => {
    travel(tripMs() / 2, now, (there) => {
      at(there + answerDelayMs, (answered) =>
        travel(tripMs() / 2, answered, (back) => {
          rtt.sample(back - now, answerDelayMs, back);
          arrive(back);
        }),
      );
    });
  };
  if (options.dataEveryMs !== undefined) {
    const everyMs = options.dataEveryMs;
    monitor.expect(true, 0);
    const next = (now: number): void => {
      if (now > (options.dataUntilMs ?? untilMs)) return;
      travel(tripMs() / 2, now, (there) => {
        state.lastDataMs = there;
        arrive(there);
      });
      at(now + everyMs * 2 * random(), next);
    };
    at(0, next);
  }
  if (options.sendEveryMs !== undefined) {
    const everyMs = options.sendEveryMs;
    const next = (now: number): void => {
      monitor.onSentEliciting(now);
      ask(now, ACK_DELAY_MS * random());
      at(now + everyMs * 2 * random(), next);
    };
    at(0, next);
  }
  for (;;) {
    const eventMs = events[0]?.atMs ?? Number.POSITIVE_INFINITY;
    const timerMs = monitor.nextTimeoutMs() ?? Number.POSITIVE_INFINITY;
    const now = Math.min(eventMs, timerMs);
    if (now > untilMs) break;
    if (eventMs <= timerMs) {
      events.shift()?.run(now);
      continue;
    }
    const actions = monitor.handleTimeout(now);
    if (actions.probe) {
      state.probes += 1;
      ask(now, 0);
    }
    if (actions.suspect) state.suspectedAtMs.push(now);
    if (actions.dead) state.deadAtMs = now;
  }
  return { monitor, rtt, ...state };
}
