import { ReconnectSchedule, type ReconnectPolicy, type ReconnectState } from '@kwik/paths';
import { KwikError, PRIMARY_PATH_ID, toPathId, type PathId, type TimerHandle } from '@kwik/wire';
import type { ExtraPath } from '../api/options.js';
import { FIRST_CLIENT_PATH_ID } from '../limits.js';
import type { Feature } from '../runtime/features/feature.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import { isImpostor, isRecoverable } from '../runtime/paths/deaths.js';
import { OverduePath } from '../runtime/paths/overdue-path.js';
import type { PathIdentity } from '../runtime/paths/path-registry.js';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';
import { DueTimer } from '../runtime/waiting/due-timer.js';

/** One attempt at the most; the next address is tried after it. */
const MAX_ATTEMPT_MS = 3000;
/**
 * With no path left the primary is asked for again at once, and then ever more rarely, but often enough to be found within a
 * second. The recovery time is the bound on the tries.
 */
const IN_HASTE: ReconnectPolicy = {
  firstWaitMs: 50,
  maxWaitMs: 1000,
  maxTries: Number.MAX_SAFE_INTEGER,
  maxAttemptMs: MAX_ATTEMPT_MS,
};
/** While another path leads to the primary there is no hurry. As for paths to other servers: so many tries. */
const AT_LEISURE: ReconnectPolicy = {
  firstWaitMs: 100,
  maxWaitMs: 30_000,
  maxTries: 12,
  maxAttemptMs: MAX_ATTEMPT_MS,
};
/** A primary that turns a further path away again and again gets no more handshakes for it than one in so long. */
const LEAST_AWAY_MS = 1000;
/** How often a session that lost its primary, and goes on without it, looks whether it still can. */
const LOOK_AGAIN_MS = 1000;

/** A way to the primary. */
export interface PrimaryRoute {
  readonly id: PathId;
  /** `host:port`, the preferred first. */
  readonly addresses: readonly string[];
  readonly localAddress?: string | undefined;
  /** It leads to an address of its own. */
  readonly elsewhere?: boolean;
}

export interface PrimaryPathsOptions {
  /** All paths lost for so long, the session ends, milliseconds. */
  readonly recoveryMs: number;
  /** Whether the session has something to do without its primary: then it does not end yet. */
  mayGoOn(): boolean;
  /** 0 <= random() < 1. */
  readonly random: () => number;
  join(route: PrimaryRoute, address: string, how: JoinAttempt): Promise<PathRuntime>;
}

/** How a path to the primary is joined. */
export interface JoinAttempt {
  readonly timeoutMs: number;
  /** The server need not be reached any more. Once it has been, it has the last word. */
  readonly signal: AbortSignal;
  /** Called before the path is made: the server has taken it, and knows no other under its number. */
  readonly onTaken: () => void;
}

/** A route, and when it is connected again. */
interface KeptRoute extends PrimaryRoute {
  readonly schedule: ReconnectSchedule;
  readonly timer: DueTimer;
  /** The attempt that is under way. */
  attempt: { readonly address: string; readonly ended: AbortController } | undefined;
}

/** Keeps the client's paths to its primary: opens those over further local addresses, and connects again what is lost. */
export class PrimaryPaths implements Feature {
  readonly #session: SessionContext;
  readonly #options: PrimaryPathsOptions;
  readonly #routes = new Map<PathId, KeptRoute>();
  /** Runs while no path leads to the primary. */
  #deadline: TimerHandle | undefined;
  #deadlineMs = 0;
  #moving = false;
  /** The only path, while another connection is to take its place. */
  readonly #overdue = new OverduePath<PathRuntime>();
  /** Addresses at which, when they were tried last, another server than the primary answered, and why it was not taken. */
  readonly #impostors = new Map<string, KwikError>();

  constructor(session: SessionContext, options: PrimaryPathsOptions) {
    this.#session = session;
    this.#options = options;
  }

  /** `addresses` of the primary, to which path 0 leads already; one more path for each of `extra`. */
  start(addresses: readonly string[], extra: readonly ExtraPath[]): void {
    const first = this.#keep({ id: PRIMARY_PATH_ID, addresses });
    first.schedule.connected(this.#session.clock.now());
    extra.forEach(({ localAddress, address }, index) => {
      const own = address === undefined ? addresses : [address];
      const id = toPathId(FIRST_CLIENT_PATH_ID + index);
      const route = this.#keep({ id, addresses: own, localAddress, elsewhere: address !== undefined });
      void this.#connect(route);
    });
  }

  /**
   * Another server, at this address, is the primary from now on. `swap` ends the paths to the one before and adds path 0 to the
   * new one; further paths over local addresses follow. Attempts that are under way come to nothing.
   */
  moveTo(address: string, swap: () => void): void {
    const further = [...this.#routes.values()].filter(
      ({ id, elsewhere }) => id !== PRIMARY_PATH_ID && elsewhere !== true,
    );
    for (const { schedule, timer } of this.#routes.values()) {
      schedule.abandon();
      timer.set(undefined);
    }
    this.#routes.clear();
    this.#impostors.clear();
    this.#moving = true;
    try {
      swap();
    } finally {
      this.#moving = false;
    }
    this.#keep({ id: PRIMARY_PATH_ID, addresses: [address] }).schedule.connected(this.#session.clock.now());
    for (const { id, localAddress } of further)
      void this.#connect(this.#keep({ id, addresses: [address], localAddress }));
  }

  /** Another way to the primary was found, by way of a relay perhaps: there is no hurry any more. */
  onPathUp(path: PathRuntime): void {
    if (!path.primary) return;
    this.#deadline?.cancel();
    this.#deadline = undefined;
  }

  /**
   * The only path is listened to while another connection is tried for: a server that is busy with thousands answers late, and a new
   * connection costs it more than an answer.
   */
  keepsOverdue(path: PathRuntime): boolean {
    const route = this.#routes.get(path.id);
    if (route === undefined || this.#options.recoveryMs === 0) return false;
    if (!this.#overdue.keep(path, this.#session.clock.now())) return false;
    const silence = new KwikError('ERR_KWIK_PATH_DEAD', `nothing is heard from ${path.address}`);
    this.#startDeadline(silence);
    if (route.schedule.state === 'connected') this.#tryAgain(route, silence);
    return true;
  }

  onPathHealth(path: PathRuntime): void {
    if (!this.#overdue.isHeard(path)) return;
    this.#deadline?.cancel();
    this.#deadline = undefined;
    const route = this.#routes.get(path.id);
    route?.attempt?.ended.abort();
    route?.timer.set(undefined);
    route?.schedule.connected(this.#session.clock.now());
  }

  onPathDead(path: PathRuntime): void {
    if (this.#overdue.end(path)) this.#giveUp(path);
    const fatal = path.primary && !this.#moving ? this.#lost(path) : undefined;
    if (fatal !== undefined) this.#session.lost(fatal);
  }

  onEnd(): void {
    this.#deadline?.cancel();
    for (const { timer } of this.#routes.values()) timer.set(undefined);
  }

  /** A path to the primary died. Returns the error with which the session ends, if it does. */
  #lost(path: PathRuntime): KwikError | undefined {
    const death = path.death ?? new KwikError('ERR_KWIK_PATH_DEAD');
    const last = !this.#anyPath();
    const waits = this.#options.recoveryMs > 0 || this.#options.mayGoOn();
    if (!isRecoverable(death) || (last && !waits)) return last ? ended(death) : undefined;
    const route = this.#routes.get(path.id);
    if (last) this.#startDeadline(death);
    if (route?.schedule.state === 'connected') this.#tryAgain(route, death);
    return undefined;
  }

  /** The only path is as dead as any; the attempt that is under way is for a lost one now. */
  #giveUp({ id }: PathRuntime): void {
    const route = this.#routes.get(id);
    if (route?.attempt !== undefined) this.#session.paths.connecting(identityOf(route, route.attempt.address));
  }

  /** A server has taken another connection for the path. */
  #replace({ id }: KeptRoute): void {
    const before = this.#session.paths.get(id);
    if (before === undefined) return;
    this.#overdue.end(before);
    before.die(new KwikError('ERR_KWIK_PATH_DEAD', 'another connection took its place'));
  }

  #keep(route: PrimaryRoute): KeptRoute {
    const schedule = new ReconnectSchedule(route.addresses, this.#policy, this.#options.random);
    const timer = new DueTimer(this.#session.clock, () => void this.#connect(kept));
    const kept: KeptRoute = { ...route, schedule, timer, attempt: undefined };
    this.#routes.set(route.id, kept);
    return kept;
  }

  #anyPath(): boolean {
    for (const path of this.#session.paths.values()) if (path.primary && path !== this.#overdue.kept) return true;
    return false;
  }

  get #policy(): ReconnectPolicy {
    return this.#anyPath() ? AT_LEISURE : IN_HASTE;
  }

  #startDeadline(cause: KwikError): void {
    if (this.#deadline !== undefined) return;
    this.#armDeadline(this.#options.recoveryMs, cause);
    // What waits at leisure, or was given up, is in a hurry now.
    this.#restart('waiting', 'given-up');
  }

  #armDeadline(delayMs: number, cause: KwikError): void {
    const { clock } = this.#session;
    this.#deadlineMs = clock.now() + delayMs;
    this.#deadline = clock.schedule(delayMs, () => {
      if (this.#options.mayGoOn()) this.#armDeadline(LOOK_AGAIN_MS, cause);
      else this.#session.fail(ended([...this.#impostors.values()].at(-1) ?? cause));
    });
  }

  /** The path of this route died, or an attempt to connect it failed. */
  #tryAgain({ schedule, timer }: KeptRoute, { retryAfterMs }: KwikError): void {
    schedule.use(this.#policy);
    const now = this.#session.clock.now();
    // Without any path there is a hurry, whatever the primary said of a further one.
    if (retryAfterMs !== undefined && this.#anyPath()) schedule.comeBack(now, Math.max(LEAST_AWAY_MS, retryAfterMs));
    else schedule.lost(now);
    timer.set(schedule.dueAtMs);
  }

  #restart(...states: readonly ReconnectState[]): void {
    for (const { schedule, timer } of this.#routes.values()) {
      if (!states.includes(schedule.state)) continue;
      schedule.use(this.#policy);
      schedule.restart(this.#session.clock.now());
      timer.set(schedule.dueAtMs);
    }
  }

  async #connect(route: KeptRoute): Promise<void> {
    const { id, schedule } = route;
    schedule.use(this.#policy);
    // When the last path is lost the network may have changed, and the round trip of before says little.
    const rttMs = this.#deadline === undefined ? this.#session.paths.info(id)?.rttMs : undefined;
    const attempt = schedule.begin(rttMs ?? 0);
    if (this.#overdue.kept?.id !== id) this.#session.paths.connecting(identityOf(route, attempt.address));
    const ended = new AbortController();
    const { signal } = ended;
    route.attempt = { address: attempt.address, ended };
    try {
      const path = await this.#options.join(route, attempt.address, {
        timeoutMs: this.#boundedMs(attempt.timeoutMs),
        signal,
        onTaken: () => this.#replace(route),
      });
      this.#endOthers(route, ended);
      if (this.#session.closeInfo !== undefined) {
        path.die(new KwikError('ERR_KWIK_SESSION_CLOSED'));
        return;
      }
      this.#deadline?.cancel();
      this.#deadline = undefined;
      this.#impostors.clear();
      schedule.connected(this.#session.clock.now());
      this.#session.addPath(path);
      // A path to the primary is there, so the others that were given up may be there as well.
      this.#restart('given-up');
    } catch (thrown) {
      if (signal.aborted) return;
      route.attempt = undefined;
      this.#failed(route, attempt.address, KwikError.from(thrown, 'ERR_KWIK_CONNECT_FAILED'));
    }
  }

  /** Where the path came back in between, the attempt that came through was given up, and there may be another one by now. */
  #endOthers(route: KeptRoute, own: AbortController): void {
    if (route.attempt?.ended !== own) route.attempt?.ended.abort();
    route.attempt = undefined;
    route.timer.set(undefined);
  }

  #failed(route: KeptRoute, address: string, error: KwikError): void {
    if (this.#session.closeInfo !== undefined || this.#routes.get(route.id) !== route) return;
    const { kept } = this.#overdue;
    if (kept?.id !== route.id) this.#session.paths.connectFailed(identityOf(route, address), error);
    this.#impostors.delete(address);
    if (isImpostor(error)) this.#impostors.set(address, error);
    if (isRecoverable(error) && !this.#nowhere()) {
      this.#tryAgain(route, error);
      return;
    }
    route.schedule.abandon();
    if (kept?.id === route.id) kept.die(error);
    if (!this.#anyPath() && !this.#options.mayGoOn()) this.#session.fail(ended(error));
  }

  /**
   * Another server answers at every address: the primary has lost its key, or its place. An impostor at one of several
   * addresses ends nothing, for the primary may come back at another.
   */
  #nowhere(): boolean {
    const routes = [...this.#routes.values()];
    return routes.every(({ addresses }) => addresses.every((address) => this.#impostors.has(address)));
  }

  /** An attempt ends before the session does for want of a path. */
  #boundedMs(timeoutMs: number): number {
    if (this.#deadline === undefined) return timeoutMs;
    return Math.max(1, Math.min(timeoutMs, this.#deadlineMs - this.#session.clock.now()));
  }
}

function identityOf({ id }: PrimaryRoute, address: string): PathIdentity {
  return { id, address, primary: true };
}

function ended(cause: KwikError): KwikError {
  if (cause.code === 'ERR_KWIK_SESSION_CLOSED') return cause;
  return new KwikError('ERR_KWIK_NO_PATH', `the primary server is lost: ${cause.message}`, { cause });
}
