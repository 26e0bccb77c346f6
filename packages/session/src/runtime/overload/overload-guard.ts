import { KwikError, type Clock, type ErrorCode, type TimerHandle } from '@kwik/wire';
import type { OverloadEvent, OverloadOptions, OverloadStats } from '../../api/overload.js';
import type { MemoryLedger } from '../../core/costs/memory-ledger.js';
import { LoopDelay } from '../../core/policy/overload/loop-delay.js';
import type { Pressures } from '../../core/policy/overload/overload-policy.js';
import { processPressures, type ProcessMemory } from '../../core/policy/overload/process-pressure.js';
import type { Comer, PolicyEngine } from '../../core/policy/policy-engine.js';
import { nodeProcessMemory } from './node-process-memory.js';

/** Often enough to notice an overload within a second, and seldom enough to cost nothing. */
const LOOK_EVERY_MS = 250;

/** Not looked at. */
const NO_PROCESS: ProcessMemory = { heapBytes: 0, heapLimitBytes: 0, residentBytes: 0 };

export interface OverloadSurroundings {
  readonly clock: Clock;
  /** What the sessions of this end hold. */
  readonly ledgers: Iterable<MemoryLedger>;
  /** Of this end. */
  readonly policy: PolicyEngine;
  /** Of the socket, and how many it takes at the most. Default: they are not looked at. */
  readonly connections?: () => { readonly open: number; readonly most: number };
  /** Default: of this process. */
  readonly process?: () => ProcessMemory;
  /** Called at each look: whether sessions in no use are to end. Says how many did. Default: none does. */
  readonly endIdle?: (ends: boolean, now: number) => number;
  /** Told of each step. */
  readonly tell: (event: OverloadEvent) => void;
}

/**
 * Measures what an end uses of its memory, processor time and connections, and does what its policy decides of that. With options it looks
 * four times a second, at the process too; without, at each client that asks to be let in, and as long as a step is taken.
 */
export class OverloadGuard {
  readonly #options: () => OverloadOptions | undefined;
  readonly #around: OverloadSurroundings;
  readonly #delay = new LoopDelay();
  #timer: TimerHandle | undefined;
  #dueMs = 0;
  #ended = false;
  /** As of the last look that was due: clients that come in between do not pay for it. */
  #process = NO_PROCESS;
  /** That look was with options. */
  #knewOptions = false;
  #readAheadDivisor = 1;
  readonly #counts = { steps: 0, refused: 0, idleEnded: 0 };

  /** `options`: as they are now. */
  constructor(options: () => OverloadOptions | undefined, around: OverloadSurroundings) {
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
    this.requireRoom(who);
  }

  /** The same as of the last look. */
  requireRoom(who: Comer, code: ErrorCode = 'ERR_KWIK_CONNECTION_REFUSED'): void {
    const { clock, policy } = this.#around;
    const refusal = policy.refusal(who, clock.now());
    if (refusal === undefined) return;
    this.#counts.refused++;
    throw new KwikError(code, refusal.text, { retryAfterMs: refusal.retryAfterMs });
  }

  /** Options have come: looks at once, unless it looks anyway, and not only until its steps are taken back. */
  wake(): void {
    if (this.#timer !== undefined && this.#knewOptions) return;
    this.#lookAtProcess();
    this.#look();
  }

  end(): void {
    this.#ended = true;
    this.#timer?.cancel();
    this.#around.policy.end();
    this.#readAhead(1);
  }

  #readAhead(divisor: number): void {
    if (divisor === this.#readAheadDivisor) return;
    this.#readAheadDivisor = divisor;
    for (const ledger of this.#around.ledgers) ledger.aheadDivisor = divisor;
  }

  #schedule(): void {
    if (this.#ended || this.#timer !== undefined) return;
    if (this.#options() === undefined && this.#around.policy.level === 0) return;
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
    const options = this.#options();
    this.#knewOptions = options !== undefined;
    const looks = options !== undefined && options.process !== false;
    this.#process = looks ? (this.#around.process ?? nodeProcessMemory)() : NO_PROCESS;
  }

  #look(): void {
    if (this.#ended) return;
    const { clock, policy, tell } = this.#around;
    const changes = policy.look({ pressures: this.#measured(), process: this.#process }, clock.now());
    this.#readAhead(policy.shortage.limits.readAheadDivisor);
    this.#counts.steps += changes.length;
    for (const { action, on, resource, pressure, reason } of changes) {
      tell({ action, on, resource, pressure, reason, level: policy.level });
    }
    this.#schedule();
  }

  /** So many in a while, however many clients come in it: they must neither make work of all sessions nor end more of them. */
  #endIdle(): void {
    if (this.#ended) return;
    const { clock, policy, endIdle } = this.#around;
    this.#counts.idleEnded += endIdle?.(policy.shortage.limits.endsIdle, clock.now()) ?? 0;
  }

  #measured(): Pressures {
    const { memoryBytes, eventLoopDelayMs, connections: budget } = this.#options() ?? {};
    const eventLoop = eventLoopDelayMs === undefined ? 0 : this.#delay.lastingMs / eventLoopDelayMs;
    const { open, most } = this.#around.connections?.() ?? { open: 0, most: 1 };
    const memory = this.#memory(memoryBytes);
    return { memory, eventLoop, connections: open / (budget ?? most), ...processPressures(this.#process) };
  }

  /** Without a budget of all: of each ledger as much as it takes. */
  #memory(budget: number | undefined): number {
    let [all, most] = [0, 0];
    for (const { bounds, use } of this.#around.ledgers) {
      const { heldBytes, overheadBytes, readAheadBytes, writeAheadBytes } = use;
      all += heldBytes + overheadBytes + readAheadBytes + writeAheadBytes;
      most = Math.max(most, heldBytes / bounds.heldBytes, overheadBytes / bounds.overheadBytes);
    }
    return budget === undefined ? most : all / budget;
  }
}
