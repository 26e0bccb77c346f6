import { ReconnectSchedule, type ReconnectPolicy } from '@kwik/paths';
import { KwikError, toPathId, type PathId } from '@kwik/wire';
import type { RelayChoice } from '../../api/relays.js';
import { FIRST_OWN_RELAYED_PATH_ID } from '../../limits.js';
import type { Feature } from '../../runtime/features/feature.js';
import type { SessionContext } from '../../runtime/features/session-context.js';
import { DueTimer } from '../../runtime/waiting/due-timer.js';
import type { RelayedPaths } from './relayed-paths.js';
import type { OwnRelay, RelaySessions } from './relay-sessions.js';

/** Relays that carry a path each, and those that are connected besides, to take the place of one that is lost. */
const PATHS = 2;
const SPARES = 1;
/** A relay that was lost, or cannot be reached, is tried again for as long as the session lives. */
const AGAIN: ReconnectPolicy = {
  firstWaitMs: 500,
  maxWaitMs: 30_000,
  maxTries: Number.MAX_SAFE_INTEGER,
  maxAttemptMs: 10_000,
};

export interface OwnRelaysOptions {
  readonly sessions: RelaySessions;
  readonly relayed: RelayedPaths;
  /** The primary, `host:port`, as the relays are told of it. */
  readonly anchor: string;
  /** 0 <= random() < 1. */
  readonly random: () => number;
}

interface Kept {
  readonly choice: RelayChoice;
  /** Of the path that leads through it. */
  readonly id: PathId;
  readonly schedule: ReconnectSchedule;
  readonly timer: DueTimer;
  /** `spare`: connected; `carrying`: a path leads through it; `leaving`: it is about to stop. */
  state: 'idle' | 'connecting' | 'spare' | 'carrying' | 'leaving' | 'waiting';
  relay: OwnRelay | undefined;
}

/**
 * Relays that the client chose: paths lead through the first two that answer, and the next one stands by, so that a relay that
 * is lost or about to stop is replaced within a round trip or two.
 */
export class OwnRelays implements Feature {
  readonly #session: Pick<SessionContext, 'clock' | 'closeInfo'>;
  readonly #options: OwnRelaysOptions;
  readonly #kept: readonly Kept[];

  constructor(session: Pick<SessionContext, 'clock' | 'closeInfo'>, options: OwnRelaysOptions) {
    this.#session = session;
    this.#options = options;
    this.#kept = options.sessions.choices.map((choice, index): Kept => {
      const timer = new DueTimer(session.clock, () => this.#retry(kept));
      const schedule = new ReconnectSchedule([choice.address], AGAIN, options.random);
      const id = toPathId(FIRST_OWN_RELAYED_PATH_ID + index);
      const kept: Kept = { choice, id, schedule, timer, state: 'idle', relay: undefined };
      return kept;
    });
  }

  start(): void {
    this.#fill();
  }

  onEnd(): void {
    for (const { timer } of this.#kept) timer.set(undefined);
    this.#options.sessions.close();
  }

  /** Connects as many as are wanted, and has paths lead through as many. */
  #fill(): void {
    if (this.#session.closeInfo !== undefined) return;
    const count = (...states: readonly Kept['state'][]): number =>
      this.#kept.filter(({ state }) => states.includes(state)).length;
    for (const kept of this.#kept) {
      if (kept.state === 'spare' && count('carrying') < PATHS) this.#carry(kept);
    }
    for (const kept of this.#kept) {
      if (kept.state === 'idle' && count('carrying', 'spare', 'connecting') < PATHS + SPARES) void this.#connect(kept);
    }
  }

  #carry(kept: Kept): void {
    if (kept.relay === undefined) return;
    kept.state = 'carrying';
    this.#options.relayed.add(kept.id, kept.relay.link, this.#options.anchor);
  }

  async #connect(kept: Kept): Promise<void> {
    kept.state = 'connecting';
    kept.schedule.begin(0);
    try {
      const relay = await this.#options.sessions.get(kept.choice);
      kept.relay = relay;
      kept.state = 'spare';
      kept.schedule.connected(this.#session.clock.now());
      relay.onNotice = (notice) => {
        this.#options.relayed.noticed(kept.id, notice);
        if (kept.state !== 'carrying' && kept.state !== 'spare') return;
        // One that carries nothing has nothing to be moved.
        if (kept.state === 'spare') relay.link.end(new KwikError('ERR_KWIK_PATH_REMOVED', 'it is about to stop'));
        kept.state = 'leaving';
        this.#fill();
      };
      void relay.closed.then(() => this.#lost(kept));
    } catch {
      this.#lost(kept);
    }
    this.#fill();
  }

  #lost(kept: Kept): void {
    if (this.#session.closeInfo !== undefined) return;
    this.#options.relayed.lost(kept.id, undefined);
    kept.relay = undefined;
    kept.state = 'waiting';
    kept.schedule.lost(this.#session.clock.now());
    kept.timer.set(kept.schedule.dueAtMs);
    this.#fill();
  }

  #retry(kept: Kept): void {
    // Where others do, it waits for its turn.
    kept.state = 'idle';
    this.#fill();
  }
}
