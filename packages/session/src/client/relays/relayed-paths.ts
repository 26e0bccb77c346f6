import { ReconnectSchedule, type ReconnectPolicy } from '@kwik/paths';
import { KwikError, proto, toPathId, type PathId } from '@kwik/wire';
import { FIRST_RELAYED_PATH_ID } from '../../limits.js';
import type { ControlHandlers, Feature } from '../../runtime/features/feature.js';
import type { SessionContext } from '../../runtime/features/session-context.js';
import { isRecoverable } from '../../runtime/paths/deaths.js';
import type { PathIdentity } from '../../runtime/paths/path-registry.js';
import type { PathRuntime } from '../../runtime/paths/path-runtime.js';
import { DueTimer } from '../../runtime/waiting/due-timer.js';
import type { ReachedThrough } from './reach-through.js';
import { linkOver, type RelayLink } from './relay-link.js';

/** One attempt to reach the primary through a relay. */
const ATTEMPT_MS = 5000;
/** A relayed path that is lost while its relay lives: the way from there may be down, or the primary. */
const AGAIN: ReconnectPolicy = { firstWaitMs: 100, maxWaitMs: 30_000, maxTries: 12, maxAttemptMs: ATTEMPT_MS };
/** A path whose relay is about to stop carries what nothing else can for so long. */
const LEAVE_MS = 20_000;

const LEAVES = 'its relay is about to stop';
/** The primary hears that the path is to be left within a round trip; what it sent last comes half a round trip later. */
const QUIET_RTTS = 2;
const QUIET_MS = 100;

export interface RelayedPathsOptions {
  readonly maxPaths: number;
  /** 0 <= random() < 1. */
  readonly random: () => number;
  /** `host:port` of the primary, for those who look at paths. */
  readonly primary: string;
  /** The other end of the session is a relay itself, and says so. */
  readonly onNotice?: ((notice: proto.RelayNotice) => void) | undefined;
  /** A further connection to the primary, which `anchor` names, by way of the relay. */
  reach(relay: RelayLink, anchor: string, timeoutMs: number): Promise<ReachedThrough>;
  /** Opens a path of this number over such a connection. */
  join(relay: RelayLink, id: PathId, anchor: string, timeoutMs: number): Promise<PathRuntime>;
}

/** A relay, and the path to the primary that leads through it. */
interface Relayed {
  readonly id: PathId;
  readonly relay: RelayLink;
  /** What the relay has to name: empty where its token says it. */
  readonly anchor: string;
  readonly schedule: ReconnectSchedule;
  readonly timer: DueTimer;
  leaving: Leaving | undefined;
}

/** The relay is about to stop, or its grant to end. */
interface Leaving {
  /** By then the path is to be gone. */
  readonly byMs: number;
  /** What had come over the path, and since when no more has. */
  receivedBytes: number;
  quietSinceMs: number;
}

/** Paths to the primary by way of relays: one through each relay that the session has. */
export class RelayedPaths implements Feature {
  readonly #session: SessionContext;
  readonly #options: RelayedPathsOptions;
  /** By the number of the relayed path. */
  readonly #relayed = new Map<PathId, Relayed>();

  readonly handlers: ControlHandlers = {
    relayNotice: (path, notice) => {
      this.noticed(relayedPathId(path.id), notice);
      this.#options.onNotice?.(notice);
    },
  };

  constructor(session: SessionContext, options: RelayedPathsOptions) {
    this.#session = session;
    this.#options = options;
  }

  onPathUp(path: PathRuntime): void {
    if (path.primary || !path.capabilities.includes(proto.Capability.RELAY)) return;
    this.add(
      relayedPathId(path.id),
      linkOver(path, path.address, (cause) => path.die(cause)),
      '',
    );
  }

  onPathDead(path: PathRuntime): void {
    if (!path.primary) this.lost(relayedPathId(path.id), path.death);
    else this.#pathLost(path);
  }

  onPathHealth(): void {
    this.#leave(this.#session.clock.now());
  }

  /** Those whose relays are about to stop go when others are there and nothing is under way on them. */
  plan(now: number): number | undefined {
    return this.#leave(now);
  }

  onEnd(): void {
    for (const { timer } of this.#relayed.values()) timer.set(undefined);
    this.#relayed.clear();
  }

  /** A relay is there: the path through it, of this number, is opened, now and whenever it is lost. */
  add(id: PathId, relay: RelayLink, anchor: string): void {
    const schedule = new ReconnectSchedule([relay.address], AGAIN, this.#options.random);
    const timer = new DueTimer(this.#session.clock, () => void this.#connect(relayed));
    const relayed: Relayed = { id, relay, anchor, schedule, timer, leaving: undefined };
    this.#relayed.set(id, relayed);
    void this.#connect(relayed);
  }

  /** The relay is lost, and so is the path through it. */
  lost(id: PathId, cause: KwikError | undefined): void {
    const relayed = this.#relayed.get(id);
    if (relayed === undefined) return;
    this.#relayed.delete(id);
    relayed.timer.set(undefined);
    const why = `its relay ${relayed.relay.address} is lost: ${cause?.message ?? 'closed'}`;
    this.#session.paths.get(id)?.die(new KwikError('ERR_KWIK_PATH_DEAD', why));
  }

  /** The relay is about to stop forwarding. The primary, which knows other relays, is told. */
  noticed(id: PathId, notice: proto.RelayNotice): void {
    const relayed = this.#relayed.get(id);
    if (relayed === undefined || relayed.leaving !== undefined) return;
    const now = this.#session.clock.now();
    const byMs = now + Math.min(LEAVE_MS, Number(notice.msLeft) || LEAVE_MS);
    relayed.leaving = { byMs, receivedBytes: 0, quietSinceMs: now };
    this.#session.controlPath?.send({ $case: 'relayNotice', value: { ...notice, pathId: id } });
    const path = this.#session.paths.get(id);
    if (path?.machine.canBecome('suspended') === true) path.suspend(LEAVES);
    this.#session.wake();
  }

  /** Another connection for the path of this number; undefined: it is none of those here. */
  reachAgain(id: PathId, timeoutMs: number): Promise<ReachedThrough> | undefined {
    const relayed = this.#relayed.get(id);
    if (relayed?.leaving !== undefined) return Promise.reject(new KwikError('ERR_KWIK_PATH_DEAD', LEAVES));
    return relayed && this.#options.reach(relayed.relay, relayed.anchor, timeoutMs);
  }

  #pathLost({ id, death }: PathRuntime): void {
    const relayed = this.#relayed.get(id);
    if (relayed === undefined) return;
    // With the end of its path the primary asks for a new one, or the client itself does: a new path has a new grant.
    if (relayed.leaving !== undefined) relayed.relay.end(new KwikError('ERR_KWIK_PATH_DEAD', LEAVES));
    else if (death !== undefined && isRecoverable(death)) this.#tryAgain(relayed);
  }

  #tryAgain({ schedule, timer }: Relayed): void {
    schedule.lost(this.#session.clock.now());
    timer.set(schedule.dueAtMs);
  }

  async #connect(relayed: Relayed): Promise<void> {
    const { id, relay, schedule } = relayed;
    if (this.#session.paths.size >= this.#options.maxPaths) return;
    const { timeoutMs } = schedule.begin(this.#session.paths.info(id)?.rttMs ?? 0);
    this.#session.paths.connecting(this.#identityOf(relayed));
    try {
      const path = await this.#options.join(relay, id, relayed.anchor, timeoutMs);
      if (this.#session.closeInfo !== undefined || this.#relayed.get(id) !== relayed) {
        path.die(new KwikError('ERR_KWIK_PATH_DEAD', 'its relay is lost'));
        return;
      }
      schedule.connected(this.#session.clock.now());
      this.#session.addPath(path);
    } catch (thrown) {
      this.#failed(relayed, KwikError.from(thrown, 'ERR_KWIK_CONNECT_FAILED'));
    }
  }

  #failed(relayed: Relayed, error: KwikError): void {
    if (this.#session.closeInfo !== undefined || this.#relayed.get(relayed.id) !== relayed) return;
    this.#session.paths.connectFailed(this.#identityOf(relayed), error);
    if (relayed.relay.alive && relayed.leaving === undefined) this.#tryAgain(relayed);
  }

  #leave(now: number): number | undefined {
    let next: number | undefined;
    for (const { id, leaving } of this.#relayed.values()) {
      const path = leaving === undefined ? undefined : this.#session.paths.get(id);
      if (path === undefined || leaving === undefined) continue;
      const quietAtMs = this.#quietAtMs(path, leaving, now);
      const isIdle = path.data.sent.count === 0 && path.data.pendingFrameCount === 0;
      if ((isIdle && this.#hasOther(id) && now >= quietAtMs) || now >= leaving.byMs) {
        path.die(new KwikError('ERR_KWIK_PATH_REMOVED', LEAVES));
      } else next = Math.min(next ?? Infinity, leaving.byMs, quietAtMs > now ? quietAtMs : Infinity);
    }
    return next;
  }

  /** When nothing that the primary sent can be under way any more, if nothing comes until then. */
  #quietAtMs({ data, rttMs }: PathRuntime, leaving: Leaving, now: number): number {
    if (data.receivedBytes !== leaving.receivedBytes) {
      leaving.receivedBytes = data.receivedBytes;
      leaving.quietSinceMs = now;
    }
    return leaving.quietSinceMs + QUIET_RTTS * rttMs + QUIET_MS;
  }

  /** Whether another path leads to the primary. */
  #hasOther(id: PathId): boolean {
    for (const path of this.#session.paths.values()) if (path.primary && path.id !== id) return true;
    return false;
  }

  #identityOf({ id, relay }: Relayed): PathIdentity {
    return { id, address: this.#options.primary, primary: true, via: relay.address };
  }
}

/** Each relay's path has one path through it. */
function relayedPathId(relayPathId: PathId): PathId {
  return toPathId(FIRST_RELAYED_PATH_ID + relayPathId);
}
