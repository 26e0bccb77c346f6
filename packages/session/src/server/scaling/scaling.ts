import { errorToDetail, type ReplyTo } from '@kwik/kcp';
import { KwikError, toPathId, type proto } from '@kwik/wire';
import type { ScalingCandidate, ScalingEvent, ScalingOptions } from '../../api/scaling.js';
import type { ScalingAction } from '../../core/policy/scaling/scaling-engine.js';
import type { SessionScaling } from '../../core/policy/scaling/session-scaling.js';
import type { ControlHandlers, Feature } from '../../runtime/features/feature.js';
import type { SessionContext } from '../../runtime/features/session-context.js';
import type { PathRuntime } from '../../runtime/paths/path-runtime.js';
import type { PathCommander } from '../path-commander.js';
import { ClaimedCapacity, type OfferedContent } from './claimed-capacity.js';
import { DiscoveredCandidates } from './discovered-candidates.js';
import type { ScalingMemory } from './scaling-memory.js';

const EVERY_MS = 1000;
const DEFAULT_MAX_PATHS = 4;
/** An added server is to be there within 10 s of the demand (V2.2); another one has to be tried within that. */
const ADD_TIMEOUT_MS = 4000;

/** What scaling needs to know besides its session. */
export interface ScalingSurroundings {
  readonly sessionId: string;
  readonly wallClockMs: () => number;
  readonly commander: Pick<PathCommander, 'addPath' | 'removePath'>;
  readonly content: OfferedContent;
  /** Of all sessions of the listener. */
  readonly memory: ScalingMemory;
}

type Change = Exclude<ScalingAction, { kind: 'keep' }>;

/** Takes on further servers for the content of a session as its client reports demand, and gives them back. */
export class Scaling implements Feature {
  readonly #session: SessionContext;
  readonly #options: ScalingOptions;
  readonly #around: ScalingSurroundings;
  readonly #rules: SessionScaling;
  readonly #claimed: ClaimedCapacity;
  readonly #discovered: DiscoveredCandidates | undefined;
  /** Paths that it added, and their addresses. */
  readonly #added = new Map<number, string>();
  /** The one of them that the client lets go of now. */
  #leaving: number | undefined;
  #nextMs = Number.NEGATIVE_INFINITY;

  readonly handlers: ControlHandlers = {
    capacityReport: (_client, { pathId, usedBps, predictedBps }) => {
      this.#report(pathId, Number(usedBps), Number(predictedBps));
    },
    scaleRequest: (_client, request) => this.#asked(request),
  };

  constructor(session: SessionContext, options: ScalingOptions, around: ScalingSurroundings) {
    this.#session = session;
    this.#options = options;
    this.#around = around;
    const { candidates = [], directory, query, model, maxPaths = DEFAULT_MAX_PATHS } = options;
    const { content } = around;
    const { spending, hours } = around.memory;
    const rules = { candidates, maxPaths, model: model && this.#guarded(model), spending, hours };
    this.#rules = session.policy.scaling(rules);
    this.#claimed = new ClaimedCapacity(content);
    this.#discovered = directory && new DiscoveredCandidates({ directory, query });
  }

  /** The client is asked to report; one that does not know of it says nothing. */
  onPathUp(path: PathRuntime): void {
    const value = { pathId: path.id, capacityBps: 0n, usedBps: 0n, predictedBps: 0n };
    path.send({ $case: 'capacityReport', value });
  }

  onEnd(): void {
    this.#tellSpending(true);
    this.#rules.end();
    this.#around.memory.save(this.#session.clock.now());
    this.#discovered?.end();
  }

  plan(now: number): number | undefined {
    if (now < this.#nextMs) return this.#nextMs;
    this.#noticeLosses(now);
    // Where nothing flows and nothing is to be given back, there is nothing to decide.
    if (!this.#claimed.flows(now) && this.#added.size === 0) return undefined;
    this.#nextMs = now + EVERY_MS;
    this.#takeNews();
    const unmetBytesPerSecond = this.#claimed.unmetBytesPerSecond(now);
    const input = { paths: this.#measured(), unmetBytesPerSecond };
    const action = this.#rules.tick(input, now, this.#around.wallClockMs());
    if (action.kind !== 'keep') void this.#do(action);
    this.#tellSpending(false);
    this.#around.memory.save(now);
    return this.#nextMs;
  }

  /** The client's application wishes for a path more, or one less. */
  async #asked({ pathsDelta, reason }: proto.ScaleRequest): Promise<ReplyTo<'scaleRequest'>> {
    this.#takeNews();
    const why = reason === '' ? 'the client asks for it' : `the client asks for it: ${JSON.stringify(reason)}`;
    const wallMs = this.#around.wallClockMs();
    const action = this.#rules.ask(Math.sign(pathsDelta), why, this.#measured(), this.#session.clock.now(), wallMs);
    const error =
      action.kind === 'keep' ? new KwikError('ERR_KWIK_LIMIT_EXCEEDED', action.reason) : await this.#do(action);
    const accepted = error === undefined;
    const done = accepted ? Math.sign(pathsDelta) : 0;
    const value = { pathsDelta: done, accepted, error: error && errorToDetail(error) };
    return { $case: 'scaleResult', value };
  }

  #report(id: number, used: number, wanted: number): void {
    // Of numbers that the session does not have nothing is kept.
    if (this.#session.paths.info(toPathId(id)) === undefined) return;
    this.#claimed.report(id, used, wanted, this.#session.clock.now());
    this.#session.wake();
  }

  #tellSpending(now: boolean): void {
    const { onSpending } = this.#options;
    if (onSpending === undefined) return;
    const spending = this.#around.memory.spending.news(this.#session.clock.now(), now);
    if (spending !== undefined) this.#session.callbacks.call('scaling.onSpending', onSpending, spending);
  }

  #takeNews(): void {
    const { candidates = [] } = this.#options;
    const news = this.#session.callbacks.ask('scaling.directory', () => this.#discovered?.news(), undefined);
    if (news !== undefined) this.#rules.offer([...candidates, ...withoutKnown(news, candidates)]);
  }

  #measured() {
    const paths = this.#session.paths.infos().filter(({ state }) => state === 'active' || state === 'degraded');
    this.#claimed.keepOnly(paths);
    const now = this.#session.clock.now();
    return paths.map(({ id, address }) => {
      return { id, address: this.#added.get(id) ?? address, carriedBytes: this.#claimed.carriedBytes(id, now) };
    });
  }

  /** What went wrong, if something did. */
  async #do(action: Change): Promise<KwikError | undefined> {
    const address = action.kind === 'add' ? action.candidate.address : (this.#added.get(action.pathId) ?? '');
    const { kind, reason } = action;
    this.#tell({ kind, address, reason });
    try {
      if (action.kind === 'add') await this.#add(action.candidate);
      else await this.#remove(action.pathId);
      this.#observe(kind, address);
      this.#tell({ kind: kind === 'add' ? 'added' : 'removed', address, reason });
      return undefined;
    } catch (caught) {
      const error = KwikError.from(caught);
      this.#rules.failed(error.message, this.#session.clock.now());
      this.#observe(kind, address, error);
      this.#tell({ kind: 'failed', address, reason: `${reason}; ${error.message}`, error });
      return error;
    }
  }

  async #add({ address, alternatives = [], serverName }: ScalingCandidate): Promise<void> {
    const { id } = await this.#around.commander.addPath(this.#client(), address, {
      alternatives,
      reconnect: false,
      timeoutMs: ADD_TIMEOUT_MS,
      ...(serverName !== undefined && { serverName }),
    });
    this.#added.set(id, address);
    this.#rules.added(id, this.#session.clock.now());
  }

  async #remove(pathId: number): Promise<void> {
    this.#leaving = pathId;
    try {
      await this.#around.commander.removePath(this.#client(), pathId, 'it is not needed now');
    } finally {
      this.#leaving = undefined;
    }
    this.#added.delete(pathId);
    this.#rules.removed(pathId, this.#session.clock.now());
  }

  #client() {
    const client = this.#session.controlPath;
    if (client === undefined) throw new KwikError('ERR_KWIK_NO_PATH', 'the client is away');
    return client;
  }

  /** A client that ended its session meanwhile says nothing of the server. */
  #observe(kind: Change['kind'], address: string, error?: KwikError): void {
    if (kind !== 'add' || this.#session.closeInfo !== undefined) return;
    this.#session.callbacks.call('scaling.directory', () => this.#discovered?.observe(address, error));
  }

  /** Added paths are not connected again by themselves: whether they are wanted is decided anew. */
  #noticeLosses(now: number): void {
    for (const [id, address] of this.#added) {
      if (id === this.#leaving) continue;
      const info = this.#session.paths.info(toPathId(id));
      if (info !== undefined && info.state !== 'dead') continue;
      this.#added.delete(id);
      const reason = info?.reason ?? 'the path is gone';
      this.#rules.lost(id, address, reason, now);
      this.#tell({ kind: 'lost', address, reason });
    }
  }

  #tell(what: Pick<ScalingEvent, 'kind' | 'address' | 'reason' | 'error'>): void {
    if (this.#session.closeInfo !== undefined) return;
    const { used, capacity, predicted, spent } = this.#rules.figures;
    this.#session.callbacks.call('scaling.onDecision', this.#options.onDecision, {
      sessionId: this.#around.sessionId,
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

/** Prices that the application gave count, not what a server says. */
function withoutKnown(news: readonly ScalingCandidate[], known: readonly ScalingCandidate[]): ScalingCandidate[] {
  return news.filter(({ address }) => !known.some((one) => one.address === address));
}
