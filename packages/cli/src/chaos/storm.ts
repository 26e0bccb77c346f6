import { setTimeout as wait } from 'node:timers/promises';
import { KwikError } from '@kwik/wire';
import type { Stage } from '../stage/stage.js';
import type { PlannedFault } from './plan.js';
import { strike } from './strike.js';

/**
 * Faults that begin and end at their times, in real time. Those of one server come one after the other: to mend one may take
 * longer than planned, and then the next is late.
 */
export class Storm {
  readonly #stage: Stage;
  readonly #faults: readonly PlannedFault[];
  readonly #tell: (atMs: number, text: string) => void;
  readonly #over = new AbortController();
  #running: Promise<readonly PromiseSettledResult<void>[]> = Promise.resolve([]);
  readonly #begun: PlannedFault[] = [];

  /** `tell` is called when a fault begins and when it has ended. */
  constructor(stage: Stage, faults: readonly PlannedFault[], tell: (atMs: number, text: string) => void) {
    this.#stage = stage;
    this.#faults = faults;
    this.#tell = tell;
  }

  /** Faults that have begun. */
  get begun(): readonly PlannedFault[] {
    return this.#begun;
  }

  begin(): void {
    const startMs = performance.now();
    const servers = [...new Set(this.#faults.map(({ server }) => server))];
    this.#running = Promise.allSettled(servers.map((server) => this.#strikeAll(server, startMs)));
  }

  /** No more faults; what is struck is mended. Rejects when a server could not be started again. */
  async end(): Promise<void> {
    this.#over.abort();
    // All have to be over before the servers are stopped, or one would be started afterwards.
    for (const result of await this.#running) if (result.status === 'rejected') throw result.reason;
  }

  async #strikeAll(server: number, startMs: number): Promise<void> {
    for (const fault of this.#faults) if (fault.server === server) await this.#run(fault, startMs);
  }

  async #run(fault: PlannedFault, startMs: number): Promise<void> {
    const { signal } = this.#over;
    const name = `${fault.fault} of server ${fault.server + 1}${fault.server === 0 ? ' (the primary)' : ''}`;
    if (!(await passes(startMs + fault.atMs - performance.now(), signal))) return;
    this.#begun.push(fault);
    this.#tell(performance.now() - startMs, `${name} for ${fault.durationMs} ms`);
    const mend = await strike(this.#stage, fault);
    await passes(fault.durationMs, signal);
    try {
      await mend();
    } catch (error) {
      throw new KwikError('ERR_KWIK_INTERNAL', `after ${name}: ${KwikError.from(error).message}`, { cause: error });
    }
    this.#tell(performance.now() - startMs, `end of ${name}`);
  }
}

/** False when it was cut short. */
async function passes(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await wait(Math.max(0, ms), undefined, { signal });
    return true;
  } catch {
    return false;
  }
}
