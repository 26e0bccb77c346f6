import type { AnswerTo } from '@kwik/kcp';
import { ReconnectSchedule, type ReconnectPolicy } from '@kwik/paths';
import { KwikError, proto, toPathId, type PathId, type PathTransport } from '@kwik/wire';
import { FIRST_RELAYED_PATH_ID } from '../../limits.js';
import type { ControlHandlers, Feature } from '../../runtime/features/feature.js';
import type { SessionContext } from '../../runtime/features/session-context.js';
import { isRecoverable } from '../../runtime/paths/deaths.js';
import type { PathIdentity } from '../../runtime/paths/path-registry.js';
import type { PathRuntime } from '../../runtime/paths/path-runtime.js';
import { DueTimer } from '../../runtime/waiting/due-timer.js';
import { RELAYED_ATTEMPTS } from './reach-through.js';

const CONNECTION_ID_BYTES = 8;
/** For the relay's answer: a name may have to be resolved there. */
const OPEN_TIMEOUT_MS = 5000;
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

/** What tells of a relay's state, and of its end: a path of this session, or a session of its own. */
export interface RelayLink {
  /** `host:port`, as it was named. */
  readonly address: string;
  readonly transport: PathTransport;
  readonly alive: boolean;
  open(request: proto.RelayOpen, timeoutMs: number): Promise<AnswerTo<'relayOpen'>>;
  close(request: proto.RelayClose): void;
  /** The relay's path or session ends; a new one gets a new grant. */
  end(cause: KwikError): void;
}

export interface RelayedPathsOptions {
  readonly maxPaths: number;
  /** 0 <= random() < 1. */
  readonly random: () => number;
  readonly randomBytes: (bytes: number) => Uint8Array;
  /** `host:port` of the primary, for those who look at paths. */
  readonly primary: string;
  /** The other end of the session is a relay itself, and says so. */
  readonly onNotice?: ((notice: proto.RelayNotice) => void) | undefined;
  /** Connects to the primary by way of the relay, which forwards connections of these ids. */
  join(
    relay: RelayLink,
    id: PathId,
    connectionIds: readonly Uint8Array[],
    timeoutMs: number,
  ): Promise<{ readonly path: PathRuntime; readonly connectionId: Uint8Array }>;
}

/** A relay, and the path to the primary that leads through it. */
interface Relayed {
  readonly id: PathId;
  readonly relay: RelayLink;
  /** What the relay has to name: empty where its token says it. */
  readonly anchor: string;
  readonly schedule: ReconnectSchedule;
  readonly timer: DueTimer;
  /** Those that the relay forwards. */
  connectionIds: readonly Uint8Array[];
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
    this.add(relayedPathId(path.id), linkOf(path), '');
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
    for (const relayed of this.#relayed.values()) {
      relayed.timer.set(undefined);
      this.#letGo(relayed);
    }
    this.#relayed.clear();
  }

  /** A relay is there: the path through it, of this number, is opened, now and whenever it is lost. */
  add(id: PathId, relay: RelayLink, anchor: string): void {
    const schedule = new ReconnectSchedule([relay.address], AGAIN, this.#options.random);
    const timer = new DueTimer(this.#session.clock, () => void this.#connect(relayed));
    const relayed: Relayed = { id, relay, anchor, schedule, timer, connectionIds: [], leaving: undefined };
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

  #pathLost({ id, death }: PathRuntime): void {
    const relayed = this.#relayed.get(id);
    if (relayed === undefined) return;
    this.#letGo(relayed);
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
      relayed.connectionIds = Array.from({ length: RELAYED_ATTEMPTS }, () =>
        this.#options.randomBytes(CONNECTION_ID_BYTES),
      );
      const request = { connectionIds: [...relayed.connectionIds], anchor: relayed.anchor };
      await relay.open(request, OPEN_TIMEOUT_MS);
      const { path, connectionId } = await this.#options.join(relay, id, relayed.connectionIds, timeoutMs);
      if (this.#session.closeInfo !== undefined || this.#relayed.get(id) !== relayed) {
        path.die(new KwikError('ERR_KWIK_PATH_DEAD', 'its relay is lost'));
        return;
      }
      this.#letGo(relayed, connectionId);
      schedule.connected(this.#session.clock.now());
      this.#session.addPath(path);
    } catch (thrown) {
      this.#failed(relayed, KwikError.from(thrown, 'ERR_KWIK_CONNECT_FAILED'));
    }
  }

  #failed(relayed: Relayed, error: KwikError): void {
    if (this.#session.closeInfo !== undefined || this.#relayed.get(relayed.id) !== relayed) return;
    this.#letGo(relayed);
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

  /** The relay need not forward any more what it was asked for, but for the connection that is used. */
  #letGo(relayed: Relayed, used?: Uint8Array): void {
    const { relay, connectionIds } = relayed;
    const over = connectionIds.filter((id) => id !== used);
    if (over.length > 0 && relay.alive) relay.close({ connectionIds: over });
    relayed.connectionIds = used === undefined ? [] : [used];
  }

  #identityOf({ id, relay }: Relayed): PathIdentity {
    return { id, address: this.#options.primary, primary: true, via: relay.address };
  }
}

/** Each relay's path has one path through it. */
function relayedPathId(relayPathId: PathId): PathId {
  return toPathId(FIRST_RELAYED_PATH_ID + relayPathId);
}

function linkOf(path: PathRuntime): RelayLink {
  return {
    address: path.address,
    transport: path.port.transport,
    get alive() {
      return path.alive;
    },
    open: (request, timeoutMs) => path.request('relayOpen', request, timeoutMs),
    close: (request) => path.send({ $case: 'relayClose', value: request }),
    end: (cause) => path.die(cause),
  };
}
