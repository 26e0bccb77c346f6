import { KwikError, type Clock } from '@kwik/wire';
import { VirtualClock } from '../clock/virtual-clock.js';
import type { LinkShape } from '../link/link-options.js';
import { MemoryNetwork } from '../memory/memory-network.js';
import { SeededRandom } from '../random/seeded-random.js';
import { ChaosHost } from './chaos-host.js';
import { beginFault, describeFault, drawFaults, type ChaosFault, type DrawOptions } from './fault.js';

const RUN_WITHIN_MS = 600_000;

export interface ChaosWorldOptions {
  /** Decides all that is random; default 1. */
  readonly seed?: number;
}

/**
 * A network of hosts on virtual time, for tests of programs that use `@kwik/session`: a minute of it takes a fraction of a
 * second, and the same seed strikes with the same faults. `dial` and `listen` take a host's `runtime`.
 */
export class ChaosWorld {
  readonly seed: number;
  readonly clock = new VirtualClock();
  readonly #network: MemoryNetwork;
  readonly #random: SeededRandom;
  readonly #hosts = new Map<string, ChaosHost>();
  readonly #log: string[] = [];
  readonly #beganMs = Date.now();

  constructor({ seed = 1 }: ChaosWorldOptions = {}) {
    this.seed = seed;
    this.#random = new SeededRandom(seed);
    this.#network = new MemoryNetwork({
      clock: this.clock,
      seed,
      process: (host) => this.#hosts.get(host)?.process,
    });
  }

  /**
   * The host with this IP address, made when it is first asked for; `shape` is that of the link over which others reach it,
   * without limits by default. Throws ERR_KWIK_INVALID_ARGUMENT for a shape that cannot be, or given again.
   */
  host(name: string, shape?: LinkShape): ChaosHost {
    const known = this.#hosts.get(name);
    if (known !== undefined) {
      if (shape === undefined) return known;
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `host ${name} has its link already; use change()`);
    }
    const random = this.#random.fork(`host ${name}`);
    const wallClockMs = (): number => this.#beganMs + this.clock.now();
    const parts = { clock: this.clock, network: this.#network, random, shape: shape ?? {}, wallClockMs };
    const made = new ChaosHost(name, parts);
    this.#hosts.set(name, made);
    return made;
  }

  /** Calls `action` when so much virtual time has passed. */
  after(ms: number, action: () => void): void {
    this.clock.schedule(ms, action);
  }

  /** Lets so much virtual time pass. */
  pass(ms: number): Promise<void> {
    return this.clock.advanceByAsync(ms);
  }

  /**
   * Lets virtual time pass until the promise settles, and settles as it does. Rejects with ERR_KWIK_TIMEOUT when it has not
   * within `withinMs` of virtual time (600,000): it hangs, or waits for something that is not of this world.
   */
  async run<T>(promise: Promise<T>, withinMs = RUN_WITHIN_MS): Promise<T> {
    let settled = false;
    const done = (): void => void (settled = true);
    promise.then(done, done);
    if (await this.clock.runUntilAsync(() => settled, { maxMs: withinMs })) return promise;
    throw new KwikError('ERR_KWIK_TIMEOUT', `nothing settled within ${withinMs} ms of virtual time`);
  }

  /** Draws faults and begins them; returns them, for a test to know what strikes whom. */
  unleash(options: DrawOptions): readonly ChaosFault[] {
    const faults = drawFaults(this.#random.fork('faults'), options);
    this.inject(faults);
    return faults;
  }

  /** Sets up faults that are written out, as those of a seed that once failed. Throws ERR_KWIK_INVALID_ARGUMENT. */
  inject(faults: readonly ChaosFault[]): void {
    for (const { host } of faults) {
      if (!this.#hosts.has(host)) throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `there is no host ${host}`);
    }
    for (const fault of faults) {
      this.#log.push(describeFault(fault));
      this.after(fault.atMs, () => this.#strike(fault));
    }
  }

  /** What strikes, a line for each fault, and the seed: to be shown when a test fails. */
  report(): string {
    return [`seed ${this.seed}, at ${this.clock.now().toFixed(0)} ms`, ...this.#log].join('\n');
  }

  #strike(fault: ChaosFault): void {
    const clock: Clock = this.clock;
    const end = beginFault(fault, this.host(fault.host), clock);
    clock.schedule(fault.durationMs, end);
  }
}
