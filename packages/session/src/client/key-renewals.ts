import { ReconnectSchedule, type ReconnectPolicy } from '@kwik/paths';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';
import type { Feature } from '../runtime/features/feature.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import type { PathPort } from '../runtime/paths/path-port.js';
import { earlierTime } from '../runtime/waiting/earlier-time.js';

/** Keys are renewed when half of what they are good for is used up, so that a failure can be repeated often. */
const RENEW_AT = 1 / 2;
/** And after so long, whatever they were used for; up to a tenth sooner, so that not all sessions do it at once. */
const LIFE_MS = 3_600_000;
const JITTER = 1 / 10;
/** A renewal that failed: there is time, unless very much is sent, and a server that refuses may have many clients. */
const AGAIN: ReconnectPolicy = {
  firstWaitMs: 500,
  maxWaitMs: 300_000,
  maxTries: Number.MAX_SAFE_INTEGER,
  maxAttemptMs: 5000,
};

/** A path as its keys are renewed. */
export type RenewedPath = Pick<PathRuntime, 'address' | 'rttMs' | 'renewable' | 'renew'> & {
  readonly keys: Pick<PathRuntime['keys'], 'keyPackets' | 'keysSinceMs' | 'renewals'>;
};

export interface RenewingSession<P> extends Pick<SessionContext, 'clock' | 'closeInfo' | 'wake'> {
  readonly paths: { values(): Iterable<P> };
}

export interface KeyRenewalsOptions<P> {
  readonly packetsPerKey: number;
  /** 0 <= random() < 1. */
  readonly random: () => number;
  /** Another connection for the path, which its server has taken. */
  connect(path: P, timeoutMs: number): Promise<PathPort>;
}

interface Renewal {
  readonly schedule: ReconnectSchedule;
  /** When the keys that are in use now are too old. */
  readonly oldAtMs: number;
  /** By their number the keys are known. */
  readonly renewals: number;
}

/**
 * quiche 0.18 never updates its keys, so a path whose keys have been used for long gets another connection: it is made while
 * the one that there is goes on, and the path changes over when it is there. A renewal that fails is tried again later.
 */
export class KeyRenewals<P extends RenewedPath = PathRuntime> implements Feature {
  readonly #session: RenewingSession<P>;
  readonly #options: KeyRenewalsOptions<P>;
  readonly #renewals = new WeakMap<P, Renewal>();
  readonly #manyPackets: number;

  constructor(session: RenewingSession<P>, options: KeyRenewalsOptions<P>) {
    this.#session = session;
    this.#options = options;
    this.#manyPackets = Math.floor(RENEW_AT * options.packetsPerKey);
  }

  plan(now: number): number | undefined {
    let next: number | undefined;
    for (const path of this.#session.paths.values()) next = earlierTime(next, this.#look(path, now));
    return next;
  }

  /** When the path is to be looked at again, whatever happens on it. */
  #look(path: P, now: number): number | undefined {
    if (!path.renewable) return undefined;
    const { schedule, oldAtMs } = this.#renewalOf(path);
    if (schedule.state === 'connecting') return undefined;
    const due = path.keys.keyPackets >= this.#manyPackets ? now : oldAtMs;
    const dueAtMs = Math.max(due, schedule.dueAtMs ?? due);
    if (dueAtMs > now) return dueAtMs;
    void this.#renew(path, schedule);
    return undefined;
  }

  #renewalOf(path: P): Renewal {
    const { renewals, keysSinceMs } = path.keys;
    const known = this.#renewals.get(path);
    if (known?.renewals === renewals) return known;
    const { random } = this.#options;
    const oldAtMs = keysSinceMs + LIFE_MS * (1 - JITTER * random());
    const made = { schedule: new ReconnectSchedule([path.address], AGAIN, random), oldAtMs, renewals };
    this.#renewals.set(path, made);
    return made;
  }

  async #renew(path: P, schedule: ReconnectSchedule): Promise<void> {
    const { clock } = this.#session;
    const { timeoutMs } = schedule.begin(path.rttMs);
    try {
      const port = await this.#options.connect(path, timeoutMs);
      if (path.renewable && this.#session.closeInfo === undefined) {
        path.renew(port);
        schedule.connected(clock.now());
      } else {
        port.close(0, 'the path takes no other connection now');
        schedule.lost(clock.now());
      }
    } catch {
      schedule.lost(clock.now());
    }
    this.#session.wake();
  }
}
