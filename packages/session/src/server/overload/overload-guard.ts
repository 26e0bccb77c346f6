import { KwikError, type Clock, type TimerHandle } from '@kwik/wire';
import type { OverloadEvent, OverloadOptions, OverloadStats } from '../../api/overload.js';
import type { MemoryLedger } from '../../core/costs/memory-ledger.js';
import { LoopDelay } from '../../core/policy/overload/loop-delay.js';
import type { Pressures } from '../../core/policy/overload/overload-policy.js';
import { processPressures, type ProcessMemory } from '../../core/policy/overload/process-pressure.js';
import type { Comer, PolicyEngine } from '../../core/policy/policy-engine.js';
import { IdleSessions, type IdleSession } from './idle-sessions.js';
import { nodeProcessMemory } from './node-process-memory.js';

/** Often enough to notice an overload within a second, and seldom enough to cost nothing. */
const LOOK_EVERY_MS = 250;

/** Not looked at. */
const NO_PROCESS: ProcessMemory = { heapBytes: 0, heapLimitBytes: 0, residentBytes: 0 };

export interface OverloadSurroundings {
  readonly clock: Clock;
  readonly ledger: MemoryLedger;
  /** Of this end. */
  readonly policy: PolicyEngine;
  readonly sessions: Iterable<IdleSession>;
  /** Of the socket, and how many it takes at the most. */
  readonly connections: () => { readonly open: number; readonly most: number };
  /** Default: of this process. */
  readonly process?: () => ProcessMemory;
  /** Told of each step. */
  readonly tell: (event: OverloadEvent) => void;
}

/**
 * Measures what a server uses of its memory, processor time and connections, and does what its policy decides of that. With options it looks
 * four times a second, at the process too; without, at each client that asks to be let in, and as long as a step is taken.
 */
export class OverloadGuard {
  readonly #options: OverloadOptions | undefined;
  readonly #around: OverloadSurroundings;
  readonly #delay = new LoopDelay();
  readonly #idle = new IdleSessions();
  #timer: TimerHandle | undefined;
  #dueMs = 0;
  #ended = false;
  /** As of the last look that was due: clients that come in between do not pay for it. */
  #process = NO_PROCESS;
  readonly #counts = { steps: 0, refused: 0, idleEnded: 0 };

  constructor(options: OverloadOptions | undefined, around: OverloadSurroundings) {
    this.#options = options;
    this.#around = around;
    const { clock, policy } = around;
    policy.shortage.retryAfterMs = () => policy.retryAfterMs('path', clock.now());
    this.#schedule();
  }

  get stats(): OverloadStats {
    const { level, pressures } = this.#around.policy;
    return { level, pressure: pressures, ...this.#counts };
  }

  /**
   * Throws ERR_KWIK_CONNECTION_REFUSED, with the time to try again, while nobody new is let in. `who`: a session, or a path that joins
   * for another primary, whose session has one there.
   */
  admit(who: Comer = 'session'): void {
    this.#look();
    const { clock, policy } = this.#around;
    const refusal = policy.refusal(who, clock.now());
    if (refusal === undefined) return;
    this.#counts.refused++;
    throw new KwikError('ERR_KWIK_CONNECTION_REFUSED', refusal.text, { retryAfterMs: refusal.retryAfterMs });
  }

  end(): void {
    this.#ended = true;
    this.#timer?.cancel();
    this.#around.ledger.readAheadDivisor = 1;
    this.#around.policy.end();
  }

  #schedule(): void {
    if (this.#ended || this.#timer !== undefined) return;
    if (this.#options === undefined && this.#around.policy.level === 0) return;
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
    const { clock, ledger, policy, tell } = this.#around;
    const changes = policy.look({ pressures: this.#measured(), process: this.#process }, clock.now());
    ledger.readAheadDivisor = policy.shortage.limits.readAheadDivisor;
    this.#counts.steps += changes.length;
    for (const { action, on, resource, pressure, reason } of changes) {
      tell({ action, on, resource, pressure, reason, level: policy.level });
    }
    this.#schedule();
  }

  /** So many in a while, however many clients come in it: they must neither make work of all sessions nor end more of them. */
  #endIdle(): void {
    if (this.#ended) return;
    const { clock, policy, sessions } = this.#around;
    if (policy.shortage.limits.endsIdle) this.#counts.idleEnded += this.#idle.endLongest(sessions, clock.now());
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
}
