import { Backoff, PathMachine } from '@kwik/paths';
import { KwikError, PRIMARY_PATH_ID, toPathId, type PathId, type TimerHandle } from '@kwik/wire';
import type { DialOptions } from '../api/options.js';
import type { PathInfo } from '../api/session.js';
import { FIRST_CLIENT_PATH_ID } from '../limits.js';
import type { SessionEngine } from '../runtime/session/engine.js';
import { attemptTimeoutMs } from '../runtime/paths/attempt-timeout.js';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';
import { isImpostor, isRecoverable } from '../runtime/session/recovery.js';

/** The primary is asked for again at once, and then ever more rarely, but often enough to be found within a second. */
const FIRST_WAIT_MS = 50;
const MAX_WAIT_MS = 1000;
/** While another path leads to the primary there is no hurry. */
const SPARE_BASE_WAIT_MS = 100;
const SPARE_MAX_WAIT_MS = 30_000;
/** As for paths to other servers: so many attempts, then only when there is reason to hope again. */
const SPARE_TRIES = 12;
/** A path that held for so long is a new beginning. */
const HELD_MS = 2000;
/** One attempt at the most; the next address is tried after it. */
const ATTEMPT_TIMEOUT_MS = 3000;

/** Of a path that was never there. */
const NOTHING_KNOWN = { rttMs: 0, sentBytes: 0, receivedBytes: 0, duplicateBytes: 0, lostPackets: 0 };

/** How a way to the primary is being tried. */
interface Attempts {
  /** Another path led to the primary when this began. */
  readonly spare: boolean;
  readonly backoff: Backoff;
  upSinceMs: number | undefined;
}

/** A way to the primary. */
export interface PrimaryRoute {
  readonly id: PathId;
  /** `host:port`, the preferred first. */
  readonly addresses: readonly string[];
  readonly localAddress?: string | undefined;
}

export interface PrimaryPathsOptions {
  /** All paths lost for so long, the session ends, milliseconds. */
  readonly recoveryMs: number;
  /** Whether the session has something to do without its primary: then it does not end yet. */
  mayGoOn(): boolean;
  /** 0 <= random() < 1. */
  readonly random: () => number;
  join(route: PrimaryRoute, address: string, timeoutMs: number): Promise<PathRuntime>;
}

/** Keeps the client's paths to its primary: opens those over further local addresses, and connects again what is lost. */
export class PrimaryPaths {
  readonly #engine: SessionEngine;
  readonly #options: PrimaryPathsOptions;
  readonly #routes = new Map<PathId, PrimaryRoute>();
  readonly #attempts = new Map<PathId, Attempts>();
  /** Tried often enough, for now. */
  readonly #givenUp = new Set<PathId>();
  readonly #waiting = new Map<PathId, TimerHandle>();
  readonly #connecting = new Set<PathId>();
  /** Runs while no path leads to the primary. */
  #deadline: TimerHandle | undefined;
  #deadlineMs = 0;
  /** Addresses at which, when they were tried last, another server than the primary answered, and why it was not taken. */
  readonly #impostors = new Map<string, KwikError>();

  constructor(engine: SessionEngine, options: PrimaryPathsOptions) {
    this.#engine = engine;
    this.#options = options;
    void engine.closed.then(() => this.#stop());
  }

  /** `addresses` of the primary; one more path for each of `extra`. */
  start(addresses: readonly string[], extra: NonNullable<DialOptions['extraPaths']>): void {
    this.#routes.set(PRIMARY_PATH_ID, { id: PRIMARY_PATH_ID, addresses });
    extra.forEach(({ localAddress, address }, index) => {
      const own = address === undefined ? addresses : [address];
      const route = { id: toPathId(FIRST_CLIENT_PATH_ID + index), addresses: own, localAddress };
      this.#routes.set(route.id, route);
      void this.#connect(route);
    });
  }

  /** A path to the primary died. Returns the error with which the session ends, if it does. */
  lost(path: PathRuntime): KwikError | undefined {
    const death = path.death ?? new KwikError('ERR_KWIK_PATH_DEAD');
    const last = !this.#anyPath();
    const waits = this.#options.recoveryMs > 0 || this.#options.mayGoOn();
    if (!isRecoverable(death) || (last && !waits)) return last ? ended(death) : undefined;
    const route = this.#routes.get(path.id);
    if (last) this.#startDeadline(death);
    if (route !== undefined && !this.#connecting.has(route.id)) this.#schedule(route);
    return undefined;
  }

  #anyPath(): boolean {
    for (const path of this.#engine.paths.values()) if (path.primary) return true;
    return false;
  }

  /** Those under way, or new ones when what they were for has changed. */
  #attemptsOf(route: PrimaryRoute): Attempts {
    const spare = this.#anyPath();
    const known = this.#attempts.get(route.id);
    const held = known?.upSinceMs !== undefined && this.#engine.clock.now() - known.upSinceMs >= HELD_MS;
    if (known?.spare === spare && !held) return known;
    const backoff = new Backoff(this.#options.random, {
      baseMs: spare ? SPARE_BASE_WAIT_MS : FIRST_WAIT_MS,
      maxMs: spare ? SPARE_MAX_WAIT_MS : MAX_WAIT_MS,
      // With no path left, the recovery time is the bound.
      maxTries: spare ? SPARE_TRIES : Number.MAX_SAFE_INTEGER,
    });
    const attempts = { spare, backoff, upSinceMs: undefined };
    this.#attempts.set(route.id, attempts);
    return attempts;
  }

  #startDeadline(cause: KwikError): void {
    if (this.#deadline !== undefined) return;
    this.#armDeadline(this.#options.recoveryMs, cause);
    // What waits at leisure, or was given up, is in a hurry now.
    for (const id of [...this.#waiting.keys(), ...this.#givenUp]) this.#schedule(this.#routes.get(id)!);
  }

  #armDeadline(delayMs: number, cause: KwikError): void {
    const { clock } = this.#engine;
    this.#deadlineMs = clock.now() + delayMs;
    this.#deadline = clock.schedule(delayMs, () => {
      if (this.#options.mayGoOn()) this.#armDeadline(MAX_WAIT_MS, cause);
      else this.#engine.fail(ended([...this.#impostors.values()].at(-1) ?? cause));
    });
  }

  #schedule(route: PrimaryRoute): void {
    if (this.#engine.closeInfo !== undefined) return;
    this.#waiting.get(route.id)?.cancel();
    this.#waiting.delete(route.id);
    const waitMs = this.#attemptsOf(route).backoff.next();
    if (waitMs === undefined) {
      this.#givenUp.add(route.id);
      return;
    }
    this.#givenUp.delete(route.id);
    const timer = this.#engine.clock.schedule(waitMs, () => {
      this.#waiting.delete(route.id);
      void this.#connect(route);
    });
    this.#waiting.set(route.id, timer);
  }

  /** A path to the primary is there, so the others that were given up may be there as well. */
  #hopeAgain(): void {
    for (const id of this.#givenUp) {
      this.#attempts.delete(id);
      this.#schedule(this.#routes.get(id)!);
    }
  }

  async #connect(route: PrimaryRoute): Promise<void> {
    this.#connecting.add(route.id);
    const attempts = this.#attemptsOf(route);
    const address = route.addresses[attempts.backoff.tries % route.addresses.length]!;
    this.#tell(route, address, 'recovering');
    try {
      const path = await this.#options.join(route, address, this.#timeoutMs(route, attempts));
      this.#connecting.delete(route.id);
      if (this.#engine.closeInfo !== undefined) {
        path.die(new KwikError('ERR_KWIK_SESSION_CLOSED'));
        return;
      }
      this.#deadline?.cancel();
      this.#deadline = undefined;
      this.#impostors.clear();
      attempts.upSinceMs = this.#engine.clock.now();
      this.#engine.addPath(path);
      this.#hopeAgain();
    } catch (thrown) {
      this.#connecting.delete(route.id);
      this.#failed(route, address, KwikError.from(thrown, 'ERR_KWIK_CONNECT_FAILED'));
    }
  }

  #failed(route: PrimaryRoute, address: string, error: KwikError): void {
    if (this.#engine.closeInfo !== undefined) return;
    this.#tell(route, address, 'dead', error);
    this.#impostors.delete(address);
    if (isImpostor(error)) this.#impostors.set(address, error);
    if (isRecoverable(error) && !this.#nowhere()) this.#schedule(route);
    else if (!this.#anyPath() && !this.#options.mayGoOn()) this.#engine.fail(ended(error));
  }

  /**
   * Another server answers at every address: the primary has lost its key, or its place. An impostor at one of several
   * addresses ends nothing, for the primary may come back at another.
   */
  #nowhere(): boolean {
    const routes = [...this.#routes.values()];
    return routes.every(({ addresses }) => addresses.every((address) => this.#impostors.has(address)));
  }

  /** An attempt leaves time for another one before the session ends. */
  #timeoutMs({ id }: PrimaryRoute, { backoff }: Attempts): number {
    if (this.#deadline === undefined) {
      return attemptTimeoutMs(this.#engine.history.get(id)?.rttMs ?? 0, backoff.tries, ATTEMPT_TIMEOUT_MS);
    }
    const left = this.#deadlineMs - this.#engine.clock.now();
    return Math.max(1, Math.min(ATTEMPT_TIMEOUT_MS, left));
  }

  #tell(route: PrimaryRoute, address: string, state: 'recovering' | 'dead', error?: KwikError): void {
    const { history, clock } = this.#engine;
    const machine = history.machine(route.id) ?? new PathMachine(clock.now());
    if (state === 'recovering' && machine.state === 'dead') machine.recover(clock.now());
    if (state === 'dead' && machine.canBecome('dead')) machine.die(clock.now(), error?.message ?? 'lost');
    const known = history.get(route.id) ?? NOTHING_KNOWN;
    const info: PathInfo = {
      id: route.id,
      address,
      primary: true,
      state: machine.state,
      rttMs: known.rttMs,
      deliveryRateBps: 0,
      sentBytes: known.sentBytes,
      receivedBytes: known.receivedBytes,
      duplicateBytes: known.duplicateBytes,
      lostPackets: known.lostPackets,
      ...(error !== undefined && { reason: error.message, errorCode: error.code }),
    };
    this.#engine.notifyPathInfo(info, machine);
  }

  #stop(): void {
    this.#deadline?.cancel();
    for (const timer of this.#waiting.values()) timer.cancel();
    this.#waiting.clear();
  }
}

function ended(cause: KwikError): KwikError {
  if (cause.code === 'ERR_KWIK_SESSION_CLOSED') return cause;
  return new KwikError('ERR_KWIK_NO_PATH', `the primary server is lost: ${cause.message}`, { cause });
}
