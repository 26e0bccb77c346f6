import { ReconnectSchedule, type ReconnectPolicy } from '@kwik/paths';
import { KwikError, toPathId, type PathId } from '@kwik/wire';
import type { PathRefusal } from '../../api/options.js';
import type { RelayChoice } from '../../api/relays.js';
import type { PathInfo } from '../../api/session.js';
import type { SessionPolicy } from '../../core/policy/session-policy.js';
import { FIRST_OWN_RELAYED_PATH_ID } from '../../limits.js';
import type { Feature } from '../../runtime/features/feature.js';
import type { SessionContext } from '../../runtime/features/session-context.js';
import type { PathRuntime } from '../../runtime/paths/path-runtime.js';
import { DueTimer } from '../../runtime/waiting/due-timer.js';
import type { RelayedPaths } from './relayed-paths.js';
import type { OwnRelay, RelaySessions } from './relay-sessions.js';

/** Relays that carry a path each, and those that are connected besides, to take the place of one that is lost. */
const PATHS = 2;
const SPARES = 1;
/** At first more are tried than are kept, and looked at when the first has answered and the others have had this time. */
const TRIED_BESIDES = 2;
const CHOOSE_MS = 250;
const NOT_NEEDED = 'other relays are nearer';
/** For the primary to be reached through a relay, at first and when that path was lost; then another relay gets the place. */
const THROUGH_MS = 5000;
/** A relay that was lost, or cannot be reached, is tried again for as long as the session lives. */
const AGAIN: ReconnectPolicy = {
  firstWaitMs: 500,
  maxWaitMs: 30_000,
  maxTries: Number.MAX_SAFE_INTEGER,
  maxAttemptMs: 10_000,
};

export interface OwnRelaysOptions {
  readonly sessions: Pick<RelaySessions, 'choices' | 'close' | 'get'>;
  readonly relayed: RelayedPaths;
  /** The primary, `host:port`, as the relays are told of it. */
  readonly anchor: string;
  /** Told why a relay was not reached, when the reason is another one than the last time. */
  readonly onRefused: (refusal: PathRefusal) => void;
  /** 0 <= random() < 1. */
  readonly random: () => number;
}

/** What it needs of its session. */
interface RelayingSession extends Pick<SessionContext, 'clock' | 'closeInfo'> {
  readonly policy: Pick<SessionPolicy, 'limits' | 'onChange'>;
  readonly paths: {
    info(id: PathId): Pick<PathInfo, 'reason'> | undefined;
    /** Those that are alive. */
    values(): Iterable<Pick<PathRuntime, 'id' | 'primary' | 'via'>>;
  };
}

interface Kept {
  readonly choice: RelayChoice;
  /** Of the path that leads through it. */
  readonly id: PathId;
  readonly schedule: ReconnectSchedule;
  readonly timer: DueTimer;
  /** `spare`: connected; `carrying`: a path leads through it; `leaving`: it is about to stop, or not needed. */
  state: 'idle' | 'connecting' | 'spare' | 'carrying' | 'leaving' | 'waiting';
  relay: OwnRelay | undefined;
  /** The round trip to it, as last measured. */
  rttMs: number;
  /** Nothing came through it the last time: it has shown nothing by taking the client. */
  barren: boolean;
  /** The reason that was told last. */
  told: string;
}

/**
 * Relays that the client chose: of those that answer the two with the least round trip carry a path each, and the next one
 * stands by, so that a relay that is lost or about to stop is replaced within a round trip or two.
 */
export class OwnRelays implements Feature {
  readonly #session: RelayingSession;
  readonly #options: OwnRelaysOptions;
  readonly #kept: readonly Kept[];
  readonly #choosing: DueTimer;
  #choosesAtMs: number | undefined;
  readonly #leaveShortage: () => void;
  #chosen = false;

  constructor(session: RelayingSession, options: OwnRelaysOptions) {
    this.#session = session;
    this.#options = options;
    this.#choosing = new DueTimer(session.clock, () => this.#choose());
    this.#leaveShortage = session.policy.onChange(() => this.#fill());
    this.#kept = options.sessions.choices.map((choice, index): Kept => {
      const timer = new DueTimer(session.clock, () => this.#due(kept));
      const schedule = new ReconnectSchedule([choice.address], AGAIN, options.random);
      const id = toPathId(FIRST_OWN_RELAYED_PATH_ID + index);
      const fresh = { state: 'idle', relay: undefined, rttMs: Infinity, barren: false, told: '' } as const;
      const kept: Kept = { choice, id, schedule, timer, ...fresh };
      return kept;
    });
  }

  start(): void {
    this.#fill();
  }

  onPathUp({ id }: Pick<PathRuntime, 'id'>): void {
    const kept = this.#carrying(id);
    if (kept === undefined) return;
    kept.timer.set(undefined);
    if (kept.barren) kept.schedule.connected(this.#session.clock.now());
    Object.assign(kept, { barren: false, told: '' });
  }

  /** It is connected again, as long as its relay is there and forwards. */
  onPathDead({ id }: Pick<PathRuntime, 'id'>): void {
    const kept = this.#carrying(id);
    kept?.timer.set(this.#session.clock.now() + THROUGH_MS);
    for (const path of this.#session.paths.values()) if (path.primary) return;
    this.#hurry();
  }

  onEnd(): void {
    for (const { timer } of this.#kept) timer.set(undefined);
    this.#choosing.set(undefined);
    this.#leaveShortage();
    this.#options.sessions.close();
  }

  #carrying(id: PathId): Kept | undefined {
    return this.#kept.find((kept) => kept.id === id && kept.state === 'carrying');
  }

  #chooseSoon(): void {
    if (this.#choosesAtMs !== undefined) return;
    this.#choosesAtMs = this.#session.clock.now() + CHOOSE_MS;
    this.#choosing.set(this.#choosesAtMs);
  }

  #choose(): void {
    this.#chosen = true;
    this.#fill();
  }

  /** Connects as many as are wanted, and has paths lead through as many. */
  #fill(): void {
    if (this.#session.closeInfo !== undefined) return;
    const count = (...states: readonly Kept['state'][]): number =>
      this.#kept.filter(({ state }) => states.includes(state)).length;
    const best = [...this.#kept].sort((one, other) => one.rttMs - other.rttMs || 0);
    // What stands by is for what may come.
    const spare = this.#session.policy.limits.probing ? SPARES : 0;
    const wanted = PATHS + spare + (this.#chosen ? 0 : TRIED_BESIDES);
    for (const kept of best) {
      if (kept.state === 'idle' && count('carrying', 'spare', 'connecting') < wanted) void this.#connect(kept);
    }
    if (!this.#chosen && count('connecting') > 0) return;
    // All have answered, or failed, before the time was over.
    if (count('spare') > 0) this.#chosen = true;
    for (const kept of best) {
      if (kept.state === 'spare' && count('carrying') < PATHS) this.#carry(kept);
    }
    const spares = best.filter((kept) => kept.state === 'spare' && this.#mayEnd(kept));
    for (const kept of spares.slice(SPARES)) this.#leave(kept, NOT_NEEDED);
  }

  #carry(kept: Kept): void {
    if (kept.relay === undefined) return;
    kept.state = 'carrying';
    kept.timer.set(this.#session.clock.now() + THROUGH_MS);
    this.#options.relayed.add(kept.id, kept.relay.link, this.#options.anchor);
  }

  async #connect(kept: Kept): Promise<void> {
    kept.state = 'connecting';
    kept.schedule.begin(0);
    try {
      const relay = await this.#options.sessions.get(kept.choice);
      kept.relay = relay;
      kept.state = 'spare';
      kept.rttMs = kept.barren ? Infinity : relay.link.transport.stats().rttMs;
      this.#chooseSoon();
      if (!kept.barren) {
        kept.told = '';
        kept.schedule.connected(this.#session.clock.now());
      }
      relay.onNotice = (notice) => {
        this.#options.relayed.noticed(kept.id, notice);
        if (kept.state !== 'carrying' && kept.state !== 'spare') return;
        this.#leave(kept, 'it is about to stop');
        this.#fill();
      };
      void relay.closed.then(() => this.#lost(kept));
    } catch (error) {
      const refusal = KwikError.from(error, 'ERR_KWIK_CONNECT_FAILED');
      this.#tell(kept, refusal);
      this.#lost(kept, refusal.retryAfterMs);
    }
    this.#fill();
  }

  /** Nothing new goes by way of it. One that carries nothing has nothing to be moved, and ends at once. */
  #leave(kept: Kept, why: string): void {
    const idle = kept.state === 'spare' && this.#mayEnd(kept);
    kept.state = 'leaving';
    if (idle) kept.relay?.link.end(new KwikError('ERR_KWIK_PATH_REMOVED', why));
  }

  #tell(kept: Kept, error: KwikError): void {
    if (this.#session.closeInfo !== undefined || error.message === kept.told) return;
    kept.told = error.message;
    this.#options.onRefused({ address: kept.choice.address, error });
  }

  /** `leastMs`: the relay is not to be asked before so long. */
  #lost(kept: Kept, leastMs?: number): void {
    if (this.#session.closeInfo !== undefined) return;
    this.#options.relayed.lost(kept.id, undefined);
    kept.relay = undefined;
    kept.state = 'waiting';
    kept.schedule.lost(this.#session.clock.now(), leastMs);
    kept.timer.set(kept.schedule.dueAtMs);
    this.#fill();
  }

  /** No path leads to the primary any more: those that failed may be back, and are tried as after a first loss. */
  #hurry(): void {
    for (const { state, schedule, timer } of this.#kept) {
      if (state !== 'waiting') continue;
      schedule.restart(this.#session.clock.now());
      timer.set(schedule.dueAtMs);
    }
  }

  #due(kept: Kept): void {
    if (kept.state === 'carrying') return this.#giveUp(kept);
    if (kept.state !== 'waiting') return;
    // Where others do, it waits for its turn.
    kept.state = 'idle';
    this.#fill();
  }

  /** Not while another path leads through it, too: the one by which the session was opened would end with it. */
  #mayEnd({ id, choice }: Kept): boolean {
    for (const path of this.#session.paths.values()) if (path.id !== id && path.via === choice.address) return false;
    return true;
  }

  /** It is reached, and the primary is not reached through it: others are tried before it, whatever its round trip. */
  #giveUp(kept: Kept): void {
    if (!this.#mayEnd(kept)) {
      kept.timer.set(this.#session.clock.now() + THROUGH_MS);
      return;
    }
    const why = this.#session.paths.info(kept.id)?.reason ?? 'the primary does not answer';
    const error = new KwikError('ERR_KWIK_CONNECT_FAILED', `nothing comes through it: ${why}`);
    this.#tell(kept, error);
    Object.assign(kept, { barren: true, rttMs: Infinity });
    kept.relay?.link.end(error);
  }
}
