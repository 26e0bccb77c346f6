import { KwikError, toPathId } from '@kwik/wire';
import type { ScalingEvent, ScalingOptions } from '../api/scaling.js';
import { ScalingEngine, type ScalingAction } from '../core/scaling/scaling-engine.js';
import type { ControlHandlers, Feature } from '../runtime/features/feature.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';
import type { PathCommander } from './path-commander.js';

const EVERY_MS = 1000;
const DEFAULT_MAX_PATHS = 4;
/** An added server is to be there within 10 s of the demand (V2.2); another one has to be tried within that. */
const ADD_TIMEOUT_MS = 4000;
/** Without reports for so long nothing flows. */
const SILENCE_MS = 2500;

interface Reported {
  carriedBytes: number;
  unmetBytesPerSecond: number;
  atMs: number;
}

/** Takes on further servers for the content of a session as its client reports demand, and gives them back. */
export class Scaling implements Feature {
  readonly #session: SessionContext;
  readonly #commander: PathCommander;
  readonly #options: ScalingOptions;
  readonly #about: { readonly sessionId: string; readonly wallClockMs: () => number };
  readonly #engine: ScalingEngine;
  readonly #reported = new Map<number, Reported>();
  /** Paths that it added, and their addresses. */
  readonly #added = new Map<number, string>();
  #nextMs = Number.NEGATIVE_INFINITY;
  #busy = false;

  readonly handlers: ControlHandlers = {
    capacityReport: (_client, { pathId, usedBps, predictedBps }) => {
      this.#report(pathId, Number(usedBps), Number(predictedBps));
    },
  };

  constructor(
    session: SessionContext,
    commander: PathCommander,
    options: ScalingOptions,
    about: { readonly sessionId: string; readonly wallClockMs: () => number },
  ) {
    this.#session = session;
    this.#commander = commander;
    this.#options = options;
    this.#about = about;
    const { candidates, model, maxPaths = DEFAULT_MAX_PATHS } = options;
    this.#engine = new ScalingEngine({ candidates, maxPaths, model: model && this.#guarded(model) });
  }

  /** The client is asked to report; one that does not know of it says nothing. */
  onPathUp(path: PathRuntime): void {
    const value = { pathId: path.id, capacityBps: 0n, usedBps: 0n, predictedBps: 0n };
    path.send({ $case: 'capacityReport', value });
  }

  plan(now: number): number | undefined {
    if (now < this.#nextMs) return this.#nextMs;
    this.#noticeLosses(now);
    const flows = [...this.#reported.values()].some(({ atMs }) => now - atMs < SILENCE_MS);
    // Where nothing flows and nothing is to be given back, there is nothing to decide.
    if (!flows && this.#added.size === 0) return undefined;
    this.#nextMs = now + EVERY_MS;
    const action = this.#engine.tick(this.#input(now), now, this.#about.wallClockMs());
    if (action.kind !== 'keep') void this.#do(action);
    return this.#nextMs;
  }

  #report(id: number, used: number, wanted: number): void {
    // Of numbers that the session does not have nothing is kept.
    if (this.#session.paths.info(toPathId(id)) === undefined) return;
    const known = this.#reported.get(id);
    const carriedBytes = (known?.carriedBytes ?? 0) + used;
    const atMs = this.#session.clock.now();
    this.#reported.set(id, { carriedBytes, unmetBytesPerSecond: Math.max(0, wanted - used), atMs });
    this.#session.wake();
  }

  #input(now: number) {
    const paths = this.#session.paths.infos().filter(({ state }) => state === 'active' || state === 'degraded');
    for (const id of this.#reported.keys()) if (!paths.some((path) => path.id === id)) this.#reported.delete(id);
    let unmetBytesPerSecond = 0;
    for (const { unmetBytesPerSecond: unmet, atMs } of this.#reported.values()) {
      if (now - atMs < SILENCE_MS) unmetBytesPerSecond += unmet;
    }
    const measured = paths.map(({ id, address }) => {
      return { id, address: this.#added.get(id) ?? address, carriedBytes: this.#reported.get(id)?.carriedBytes ?? 0 };
    });
    return { paths: measured, unmetBytesPerSecond };
  }

  async #do(action: Exclude<ScalingAction, { kind: 'keep' }>): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    const address = action.kind === 'add' ? action.candidate.address : (this.#added.get(action.pathId) ?? '');
    const { reason } = action;
    this.#tell({ kind: action.kind, address, reason });
    try {
      if (action.kind === 'add') await this.#add(address);
      else await this.#remove(action.pathId);
      this.#tell({ kind: action.kind === 'add' ? 'added' : 'removed', address, reason });
    } catch (caught) {
      const error = KwikError.from(caught);
      this.#engine.failed(this.#session.clock.now());
      this.#tell({ kind: 'failed', address, reason: `${reason}; ${error.message}`, error });
    } finally {
      this.#busy = false;
    }
  }

  async #add(address: string): Promise<void> {
    const client = this.#client();
    const { id } = await this.#commander.addPath(client, address, { reconnect: false, timeoutMs: ADD_TIMEOUT_MS });
    this.#added.set(id, address);
    this.#engine.added(id, this.#session.clock.now());
  }

  async #remove(pathId: number): Promise<void> {
    await this.#commander.removePath(this.#client(), pathId, 'it is not needed now');
    this.#added.delete(pathId);
    this.#engine.removed(this.#session.clock.now());
  }

  #client() {
    const client = this.#session.controlPath;
    if (client === undefined) throw new KwikError('ERR_KWIK_NO_PATH', 'the client is away');
    return client;
  }

  /** Added paths are not connected again by themselves: whether they are wanted is decided anew. */
  #noticeLosses(now: number): void {
    for (const [id, address] of this.#added) {
      const info = this.#session.paths.info(toPathId(id));
      if (info !== undefined && info.state !== 'dead') continue;
      this.#added.delete(id);
      this.#engine.lost(id, now);
      this.#tell({ kind: 'lost', address, reason: info?.reason ?? 'the path is gone' });
    }
  }

  #tell(what: Pick<ScalingEvent, 'kind' | 'address' | 'reason' | 'error'>): void {
    if (this.#session.closeInfo !== undefined) return;
    const { used, capacity, predicted, spent } = this.#engine.figures;
    this.#session.callbacks.call('scaling.onDecision', this.#options.onDecision, {
      sessionId: this.#about.sessionId,
      ...what,
      usedBytesPerSecond: used,
      capacityBytesPerSecond: capacity,
      predictedBytesPerSecond: predicted,
      spent,
    });
  }

  #guarded(model: NonNullable<ScalingOptions['model']>) {
    const predict = (demand: readonly number[]): number =>
      this.#session.callbacks.ask('scaling.model', () => model.predict(demand), 0);
    return { predict };
  }
}
