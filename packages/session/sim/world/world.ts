import { MemoryNetwork, ProcessClock, VirtualClock } from '@kwik/testbed';
import { KwikError, type TransportAddress } from '@kwik/wire';
import type { Stream } from '../../src/api/session.js';
import type { SessionEngine } from '../../src/runtime/session/engine.js';
import type { SimulatedRelay } from '../../src/test-support/simulated-relay.js';
import type { Plan, Side } from '../plan/plan.js';
import { Expectations } from '../rules/expectations.js';
import { Trace } from '../run/trace.js';

/** What was broken, in one line. */
export interface Violation {
  readonly rule: string;
  readonly detail: string;
}

/** Somebody's work: it must come to an end, well or by an error that the plan explains. */
interface Task {
  readonly name: string;
  readonly process: ProcessClock;
  /** Waits for all others, see `ReaderPlan`. */
  readonly stalled: boolean;
  settled: boolean;
}

/** Time of day at the beginning: any will do, but the same in each run. */
const START_OF_DAY_MS = Date.UTC(2030, 0, 1);

/** What a run consists of: time, network, processes, and what is being done in them. */
export class World {
  readonly plan: Plan;
  readonly clock = new VirtualClock();
  readonly network: MemoryNetwork;
  readonly trace: Trace;
  readonly expectations: Expectations;
  readonly engines = new Set<SessionEngine>();
  /** Host by host, the process that runs there now. */
  readonly processes = new Map<string, ProcessClock>();
  /** By their addresses. */
  readonly relays = new Map<string, SimulatedRelay>();
  readonly #tasks: Task[] = [];
  readonly #accepting = new Map<bigint, (stream: Stream) => void>();
  readonly #released: (() => void)[] = [];
  /** Streams that were opened, and that the other side has not accepted yet. */
  unaccepted = 0;
  #release = false;
  /** The client has no session; what a server knows of one ends. */
  dialFailed = false;
  violation: Violation | undefined;
  /** How far a task has come, by its name; for those who look into a failure. */
  readonly progress = new Map<string, string>();

  constructor(plan: Plan, write?: (line: string) => void) {
    this.plan = plan;
    this.network = new MemoryNetwork({
      clock: this.clock,
      seed: plan.seed,
      process: (host) => this.processes.get(host),
    });
    this.trace = new Trace(() => this.clock.now(), write);
    this.expectations = new Expectations(plan);
  }

  /** Throws when the server there is no relay. */
  relayAt({ address, port }: TransportAddress): SimulatedRelay {
    const relay = this.relays.get(`${address}:${port}`);
    if (relay === undefined) throw new KwikError('ERR_KWIK_INTERNAL', `${address} is no relay`);
    return relay;
  }

  /** A new process at a host. */
  startProcess(host: string, offsetMs: number): ProcessClock {
    const process = new ProcessClock(this.clock, { offsetMs });
    this.processes.set(host, process);
    return process;
  }

  wallClockMs(skewMs: number): number {
    return Math.round(START_OF_DAY_MS + this.clock.now() + skewMs);
  }

  violate(rule: string, detail: string): void {
    if (this.violation !== undefined) return;
    this.violation = { rule, detail };
    this.trace.note(`VIOLATED ${rule}: ${detail}`);
  }

  // --- Tasks ---

  /** Work of a process. What it throws must be a KwikError, and the plan must explain it. */
  task(name: string, process: ProcessClock, work: () => Promise<void>, options: { stalled?: boolean } = {}): void {
    const task: Task = { name, process, stalled: options.stalled ?? false, settled: false };
    this.#tasks.push(task);
    work().then(
      () => (task.settled = true),
      (error: unknown) => {
        task.settled = true;
        this.#explain(name, error);
      },
    );
  }

  #explain(name: string, error: unknown): void {
    const text = error instanceof KwikError ? `${error.code}: ${error.message}` : String(error);
    this.trace.note(`${name}: failed: ${text}`);
    if (!(error instanceof KwikError)) {
      const stack = error instanceof Error ? (error.stack ?? '') : '';
      this.violate('errors are KwikErrors', `${name}: ${text} ${stack}`);
    } else if (!this.expectations.sessionMayEnd && !this.dialFailed) {
      this.violate('what nothing disturbs completes', `${name}: ${text}`);
    }
  }

  /** Tasks that are not done; those of processes that died do not count. */
  unfinished(stalledToo: boolean): string[] {
    return this.#tasks
      .filter((task) => !task.settled && (stalledToo || !task.stalled) && isRunning(this.processes, task.process))
      .map(({ name }) => name + (this.progress.get(name) ?? ''));
  }

  /** Those who wait for all others wait no longer. */
  releaseStalled(): void {
    this.#release = true;
    for (const resolve of this.#released.splice(0)) resolve();
  }

  untilReleased(): Promise<void> {
    return this.#release ? Promise.resolve() : new Promise((resolve) => this.#released.push(resolve));
  }

  pause(process: ProcessClock, ms: number): Promise<void> {
    return new Promise((resolve) => process.schedule(ms, resolve));
  }

  // --- Streams ---

  /** Says what the other side does with a stream once it has accepted it. */
  /** Of all streams so far. */
  get streamIds(): readonly bigint[] {
    return [...this.#accepting.keys()];
  }

  expectStream(id: bigint, opener: Side, accept: (stream: Stream) => void): void {
    if (this.#accepting.has(id)) this.violate('stream ids are used once', `stream ${id} of the ${opener}`);
    this.#accepting.set(id, accept);
    this.unaccepted++;
  }

  accepted(stream: Stream, by: Side): void {
    const accept = this.#accepting.get(stream.id);
    if (accept === undefined) {
      this.violate('only opened streams are accepted', `the ${by} got stream ${stream.id}, once too often or unopened`);
      return;
    }
    this.#accepting.set(stream.id, () =>
      this.violate('a stream is accepted once', `the ${by} got stream ${stream.id} twice`),
    );
    this.unaccepted--;
    accept(stream);
  }
}

function isRunning(processes: ReadonlyMap<string, ProcessClock>, process: ProcessClock): boolean {
  for (const running of processes.values()) if (running === process) return true;
  return false;
}
