import { KwikError, type Clock, type ScalingStep, type TimerHandle } from '@kwik/wire';
import type { OverloadEvent, OverloadOptions, OverloadStats } from '../../api/overload.js';
import type { MemoryLedger } from '../../core/costs/memory-ledger.js';
import { LoopDelay } from '../../core/overload/loop-delay.js';
import {
  OverloadPolicy,
  scarcest,
  type OverloadChange,
  type OverloadResource,
  type Pressures,
} from '../../core/overload/overload-policy.js';
import { percent, processPressures, processReason, type ProcessMemory } from '../../core/overload/process-pressure.js';
import { retryAfterMs } from '../../core/overload/retry-after.js';
import type { Shortage, ShortageLimits } from '../../runtime/host/shortage.js';
import { IdleSessions, type IdleSession } from './idle-sessions.js';
import { nodeProcessMemory } from './node-process-memory.js';

/** Often enough to notice an overload within a second, and seldom enough to cost nothing. */
const LOOK_EVERY_MS = 250;

/** Of a session that lead here, at the step before the last. */
const FEWER_PATHS = 2;

/** As clients and sessions are told. */
const NAMES = {
  memory: 'memory',
  eventLoop: 'processor time',
  connections: 'connections',
  heap: 'memory',
  resident: 'memory',
} as const;
/** Not looked at. */
const NO_PROCESS: ProcessMemory = { heapBytes: 0, heapLimitBytes: 0, residentBytes: 0 };

export interface OverloadSurroundings {
  readonly clock: Clock;
  /** 0 <= random() < 1. */
  readonly random: () => number;
  readonly ledger: MemoryLedger;
  readonly shortage: Shortage;
  readonly sessions: Iterable<IdleSession>;
  /** Of the socket, and how many it takes at the most. */
  readonly connections: () => { readonly open: number; readonly most: number };
  /** Default: of this process. */
  readonly process?: () => ProcessMemory;
  /** Told of each step. */
  readonly tell: (event: OverloadEvent, step: ScalingStep) => void;
}

/**
 * Gives up, in a fixed order, what a server can do without while it is short of memory, processor time or connections. With options it looks
 * four times a second, at the process too; without, at each client that asks to be let in, and as long as a step is taken.
 */
export class OverloadGuard {
  readonly #options: OverloadOptions | undefined;
  readonly #around: OverloadSurroundings;
  readonly #policy = new OverloadPolicy();
  readonly #delay = new LoopDelay();
  readonly #idle = new IdleSessions();
  #timer: TimerHandle | undefined;
  #dueMs = 0;
  /** Since when paths, and since when sessions, are refused. */
  readonly #refusingSinceMs = { paths: 0, sessions: 0 };
  #ended = false;
  /** As of the last look that was due: clients that come in between do not pay for it. */
  #process = NO_PROCESS;
  #pressures: Pressures = { memory: 0, eventLoop: 0, connections: 0, heap: 0, resident: 0 };
  readonly #counts = { steps: 0, refused: 0, idleEnded: 0 };

  constructor(options: OverloadOptions | undefined, around: OverloadSurroundings) {
    this.#options = options;
    this.#around = around;
    around.shortage.retryAfterMs = () => this.#retryAfterMs();
    this.#schedule();
  }

  get stats(): OverloadStats {
    return { level: this.#policy.level, pressure: this.#pressures, ...this.#counts };
  }

  /**
   * Throws ERR_KWIK_CONNECTION_REFUSED, with the time to try again, while nobody new is let in. `what`: a session, or a path that joins
   * for another primary, whose session has one there.
   */
  admit(what: 'session' | 'path' = 'session'): void {
    this.#look();
    if (!this.#policy.has(what === 'session' ? 'refuseSessions' : 'singlePath')) return;
    this.#counts.refused++;
    const waitMs = this.#retryAfterMs(what);
    const text = `the server is overloaded (${this.#scarcity()}); try again in ${Math.ceil(waitMs / 1000)} s`;
    throw new KwikError('ERR_KWIK_CONNECTION_REFUSED', text, { retryAfterMs: waitMs });
  }

  #retryAfterMs(what: 'session' | 'path' = 'path'): number {
    const { clock, random } = this.#around;
    const { paths, sessions } = this.#refusingSinceMs;
    return retryAfterMs(clock.now() - (what === 'path' ? paths : sessions), random());
  }

  end(): void {
    this.#ended = true;
    this.#timer?.cancel();
    this.#around.ledger.readAheadDivisor = 1;
    this.#around.shortage.set(undefined);
  }

  #schedule(): void {
    if (this.#ended || this.#timer !== undefined) return;
    if (this.#options === undefined && this.#policy.level === 0) return;
    const { clock } = this.#around;
    this.#dueMs = clock.now() + LOOK_EVERY_MS;
    this.#timer = clock.schedule(LOOK_EVERY_MS, () => {
      this.#timer = undefined;
      this.#delay.onLook(this.#dueMs, clock.now());
      this.#lookAtProcess();
      this.#look();
      this.#endIdle();
      this.#schedule();
    });
  }

  #lookAtProcess(): void {
    if (this.#options === undefined || this.#options.process === false) return;
    this.#process = (this.#around.process ?? nodeProcessMemory)();
  }

  #look(): void {
    if (this.#ended) return;
    const { clock, ledger, shortage } = this.#around;
    const now = clock.now();
    this.#pressures = this.#measured();
    for (const change of this.#policy.update(this.#pressures, now)) this.#apply(change, now);
    ledger.readAheadDivisor = this.#policy.has('lessReadAhead') ? 8 : 1;
    shortage.set(this.#policy.level === 0 ? undefined : this.#limits());
    this.#schedule();
  }

  #limits(): ShortageLimits {
    const policy = this.#policy;
    const few = policy.has('fewerPaths') ? FEWER_PATHS : Number.POSITIVE_INFINITY;
    return {
      text: `the server is short of ${this.#short()}`,
      copies: !policy.has('noCopies'),
      probing: !policy.has('noProbing'),
      paths: policy.has('singlePath') ? 1 : few,
    };
  }

  /** So many in a while, however many clients come in it: they must neither make work of all sessions nor end more of them. */
  #endIdle(): void {
    if (this.#ended) return;
    const { clock, sessions } = this.#around;
    if (this.#policy.has('endIdleSessions')) this.#counts.idleEnded += this.#idle.endLongest(sessions, clock.now());
    else this.#idle.forget();
  }

  #measured(): Pressures {
    const { memoryBytes, eventLoopDelayMs, connections: budget } = this.#options ?? {};
    const { bounds, use } = this.#around.ledger;
    const { heldBytes, overheadBytes, readAheadBytes } = use;
    const memory =
      memoryBytes === undefined
        ? Math.max(heldBytes / bounds.heldBytes, overheadBytes / bounds.overheadBytes)
        : (heldBytes + overheadBytes + readAheadBytes) / memoryBytes;
    const eventLoop = eventLoopDelayMs === undefined ? 0 : this.#delay.lastingMs / eventLoopDelayMs;
    const { open, most } = this.#around.connections();
    return { memory, eventLoop, connections: open / (budget ?? most), ...processPressures(this.#process) };
  }

  #apply({ action, on, resource, pressure }: OverloadChange, now: number): void {
    this.#counts.steps++;
    if (action === 'refuseSessions' && on) this.#refusingSinceMs.sessions = now;
    if (action === 'fewerPaths' && on) this.#refusingSinceMs.paths = now;
    const reason = this.#reason(resource, pressure);
    const { tell } = this.#around;
    const figures = { ...this.#pressures };
    const step = { step: on ? 'degrade' : 'restore', result: 'done', server: '', reason, figures } as const;
    tell({ action, on, resource, pressure, reason, level: this.#policy.level }, step);
  }

  /** The scarcest now; while calm is awaited, less may be used than what the steps were taken for. */
  #short(): string {
    return NAMES[scarcest(this.#pressures)[0]];
  }

  #scarcity(): string {
    return `${this.#short()}: ${percent(scarcest(this.#pressures)[1])} of its budget is used`;
  }

  /** For operators. */
  #reason(resource: OverloadResource, pressure: number): string {
    if (resource === 'heap' || resource === 'resident') return processReason(resource, this.#process);
    return `${NAMES[resource]}: ${percent(pressure)} of the budget is used`;
  }
}
