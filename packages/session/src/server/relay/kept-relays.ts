import { HELD_MS } from '@kwik/paths';
import { KwikError, toPathId, type Clock, type PathId, type TimerHandle } from '@kwik/wire';
import type { NamedRelay } from '../../api/relays.js';
import type { PathInfo, ServerSession } from '../../api/session.js';
import { FIRST_RELAYED_PATH_ID } from '../../limits.js';
import type { Shortage } from '../../core/policy/shortage.js';
import { RELAY_STOPS } from './relay-notices.js';

/** Relays through which a path carries, and those whose path stands by, to take the place of one that is lost. */
const PATHS = 2;
const SPARES = 1;
/** At first more are tried than are kept, so that there is a choice. */
const TRIED_BESIDES = 2;
/** For the client to reach a relay, and then this server through it. */
const JOIN_MS = 3000;
const THROUGH_MS = 5000;
/** A relay that failed is left alone for so long at the most, twice as long after each further failure. */
const FIRST_REST_MS = 500;
const MAX_REST_MS = 30_000;
/** One that carries keeps its place unless another one is this much faster: round trips vary. */
const INCUMBENT = 0.75;

const STANDS_BY = 'its relay stands by';

/** What is needed of a session. */
export type RelayedSession = Pick<
  ServerSession,
  'addPath' | 'closed' | 'getAllPaths' | 'onPathChange' | 'removePath' | 'resumePath' | 'suspendPath'
>;

interface RelaySurroundings {
  readonly clock: Clock;
  /** 0 <= random() < 1 */
  readonly random: () => number;
  /** Of this server: while it is short of something it brings in no relay that would only stand by. */
  readonly shortage?: Pick<Shortage, 'limits' | 'onChange'>;
}

interface Kept {
  readonly relay: NamedRelay;
  /** `joined`: the client has a path to the relay; `resting`: it failed. */
  state: 'idle' | 'joining' | 'joined' | 'resting';
  /** Of the path to the relay. */
  id: PathId | undefined;
  carrying: boolean;
  /** It said that it is about to stop. */
  leaving: boolean;
  /** From end to end, as last measured. */
  rttMs: number | undefined;
  restMs: number;
  /** Since when a path leads through it; undefined while none does. */
  upSinceMs: number | undefined;
  /** Of `joined` and `resting`: when it has to be looked at again. */
  dueMs: number;
}

/**
 * Keeps a session of a primary supplied with paths by way of relays: of those that were tried the two with the least round trip
 * carry, the next one stands by, and takes over when one is lost or about to stop; then another one is brought in. Until the
 * session ends. `random`: 0 <= random() < 1; the sessions of a relay that fell do not all come back to it at once.
 */
export function keepRelays(session: RelayedSession, relays: readonly NamedRelay[], around: RelaySurroundings): void {
  const keeper = new KeptRelays(session, relays, around);
  void session.closed.then(() => keeper.end());
}

class KeptRelays {
  readonly #session: RelayedSession;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #kept: readonly Kept[];
  readonly #shortage: RelaySurroundings['shortage'];
  readonly #stops: readonly (() => void)[];
  #timer: TimerHandle | undefined;
  #wanted = PATHS + SPARES + TRIED_BESIDES;
  #arranging = false;
  #ended = false;

  constructor(session: RelayedSession, relays: readonly NamedRelay[], { clock, random, shortage }: RelaySurroundings) {
    this.#session = session;
    this.#clock = clock;
    this.#random = random;
    this.#shortage = shortage;
    this.#kept = relays.map((relay) => {
      const fresh = { id: undefined, carrying: false, leaving: false, rttMs: undefined, restMs: 0, dueMs: Infinity };
      return { relay, state: 'idle', upSinceMs: undefined, ...fresh };
    });
    const heard = session.onPathChange((path) => this.#onPath(path));
    this.#stops = [heard, shortage?.onChange(() => this.#arrange()) ?? ((): void => undefined)];
    this.#arrange();
  }

  end(): void {
    this.#ended = true;
    this.#timer?.cancel();
    for (const stop of this.#stops) stop();
  }

  #onPath({ id, state, reason }: PathInfo): void {
    const kept = this.#kept.find((one) => one.id !== undefined && (one.id === id || throughOf(one.id) === id));
    if (kept === undefined) return;
    if (kept.id === id && state === 'dead') this.#rest(kept);
    else if (kept.id !== id && state === 'suspended' && reason === RELAY_STOPS) kept.leaving = true;
    this.#arrange();
  }

  #arrange(): void {
    // What is decided here changes paths, of which this hears at once.
    if (this.#arranging || this.#ended) return;
    this.#arranging = true;
    this.#wake();
    const up = this.#kept.filter((kept) => this.#measured(kept)).sort((one, other) => scoreOf(one) - scoreOf(other));
    const awaited = this.#kept.filter((kept) => !up.includes(kept) && isAwaited(kept)).length;
    for (const kept of up) this.#put(kept, up.indexOf(kept) < PATHS);
    if (awaited === 0 && up.length > PATHS + SPARES) this.#wanted = PATHS + SPARES;
    if (awaited === 0) for (const kept of up.slice(this.#wanted)) this.#giveBack(kept);
    const wanted = this.#shortage?.limits.probing === false ? PATHS : this.#wanted;
    this.#fill(wanted - up.length - awaited);
    this.#arranging = false;
    this.#timer?.cancel();
    const dueMs = Math.min(...this.#kept.map((kept) => kept.dueMs));
    const waitMs = Math.max(0, dueMs - this.#clock.now());
    this.#timer = dueMs === Infinity ? undefined : this.#clock.schedule(waitMs, () => this.#arrange());
  }

  /** Relays that have rested may be tried again; those through which nothing came in time rest. */
  #wake(): void {
    const now = this.#clock.now();
    for (const kept of this.#kept) {
      if (kept.dueMs > now) continue;
      kept.dueMs = Infinity;
      if (kept.state === 'resting') kept.state = 'idle';
      else if (kept.state === 'joined' && !this.#measured(kept)) {
        this.#giveBack(kept);
        this.#rest(kept);
        // Whatever its round trip was: others are tried before it.
        kept.rttMs = undefined;
      }
    }
  }

  /** The best that are known first, then those of which nothing is known, in the order in which they were named. */
  #fill(count: number): void {
    const idle = this.#kept.filter(({ state }) => state === 'idle');
    idle.sort((one, other) => (one.rttMs ?? Infinity) - (other.rttMs ?? Infinity) || 0);
    for (const kept of idle.slice(0, Math.max(0, count))) void this.#join(kept);
  }

  async #join(kept: Kept): Promise<void> {
    const { address, serverName, traffic } = kept.relay;
    kept.state = 'joining';
    try {
      const { id } = await this.#session.addPath(address, {
        capabilities: ['relay'],
        timeoutMs: JOIN_MS,
        // Another one takes the place of one that is lost; a new path has a new grant.
        reconnect: false,
        ...(serverName !== undefined && { serverName }),
        ...(traffic !== undefined && { relay: traffic }),
      });
      Object.assign(kept, { id, state: 'joined', leaving: false, carrying: false });
      kept.dueMs = this.#clock.now() + THROUGH_MS;
      // It may have died before anybody here knew its number.
      if (this.#path(id)?.state === 'dead') this.#rest(kept);
    } catch (error) {
      // What the application gave up, or the session's end, is no fault of the relay.
      const { code, retryAfterMs } = KwikError.from(error);
      if (code !== 'ERR_KWIK_SESSION_CLOSED') this.#rest(kept, retryAfterMs);
    }
    this.#arrange();
  }

  /** Whether a path leads through it, and is to be used; takes its round trip. */
  #measured(kept: Kept): boolean {
    if (kept.id === undefined || kept.leaving) return false;
    const path = this.#path(throughOf(kept.id));
    const now = this.#clock.now();
    if (path === undefined || !['active', 'degraded', 'suspected', 'suspended'].includes(path.state)) {
      // It was lost, with the relay still there: the client tries again for as long as it had the first time.
      if (kept.upSinceMs !== undefined) Object.assign(kept, { upSinceMs: undefined, dueMs: now + THROUGH_MS });
      return false;
    }
    kept.upSinceMs ??= now;
    kept.dueMs = Infinity;
    // Only one that holds has shown that it is well: else one that is lost at once would be asked for all the time.
    if (now - kept.upSinceMs >= HELD_MS) kept.restMs = 0;
    if (path.rttMs > 0) kept.rttMs = path.rttMs;
    return true;
  }

  #put(kept: Kept, carries: boolean): void {
    const id = throughOf(kept.id!);
    const isSuspended = this.#path(id)?.state === 'suspended';
    kept.carrying = carries;
    try {
      if (carries && isSuspended) this.#session.resumePath(id);
      else if (!carries && !isSuspended) this.#session.suspendPath(id, STANDS_BY);
    } catch {
      // One that is suspected, say, can be set aside when it is well: there is another change of it by then.
    }
  }

  #giveBack(kept: Kept): void {
    const { id } = kept;
    const idle = { state: 'idle', id: undefined, carrying: false, leaving: false, upSinceMs: undefined };
    Object.assign(kept, { ...idle, dueMs: Infinity });
    if (id !== undefined) this.#session.removePath(id, 'other relays are better').catch(() => undefined);
  }

  /** `leastMs`: the relay is not to be asked before so long. */
  #rest(kept: Kept, leastMs = 0): void {
    const now = this.#clock.now();
    const held = kept.upSinceMs !== undefined && now - kept.upSinceMs >= HELD_MS;
    const restMs = held ? FIRST_REST_MS : Math.min(MAX_REST_MS, Math.max(FIRST_REST_MS, 2 * kept.restMs));
    const resting = { state: 'resting', id: undefined, carrying: false, leaving: false, upSinceMs: undefined };
    const dueMs = now + Math.max(leastMs, ((1 + this.#random()) / 2) * restMs);
    Object.assign(kept, { ...resting, restMs, dueMs });
  }

  #path(id: PathId): PathInfo | undefined {
    return this.#session.getAllPaths().find((path) => path.id === id);
  }
}

/** The number of the path that leads through a relay to which this one leads. */
function throughOf(relayPathId: PathId): PathId {
  return toPathId(FIRST_RELAYED_PATH_ID + relayPathId);
}

function isAwaited({ state, leaving }: Kept): boolean {
  return state === 'joining' || (state === 'joined' && !leaving);
}

function scoreOf({ rttMs = Infinity, carrying }: Kept): number {
  return carrying ? rttMs * INCUMBENT : rttMs;
}
