import type { Clock } from '@kwik/wire';
import type { DialOverloadOptions, OverloadEvent } from '../../api/overload.js';
import type { MemoryLedger } from '../../core/costs/memory-ledger.js';
import type { ProcessMemory } from '../../core/policy/overload/process-pressure.js';
import type { PolicyEngine } from '../../core/policy/policy-engine.js';
import type { UserCallbacks } from '../../runtime/host/user-callbacks.js';
import { OverloadGuard } from '../../runtime/overload/overload-guard.js';

/** A session that is dialled, or open. */
export interface DialledSession {
  readonly ledger: MemoryLedger;
  readonly callbacks: Pick<UserCallbacks, 'call'>;
  readonly options: DialOverloadOptions | undefined;
}

export interface DialOverloadSurroundings {
  readonly clock: Clock;
  readonly policy: PolicyEngine;
  /** Default: of this process. */
  readonly process?: () => ProcessMemory;
}

/**
 * What all sessions that a process dials over one network may use together. Nothing is looked at until one is dialled with options; of
 * several the least budget counts, as long as the session is there that it came with.
 */
export class DialOverload {
  readonly #policy: PolicyEngine;
  readonly #guard: OverloadGuard;
  readonly #sessions = new Set<DialledSession>();
  readonly #ledgers = new Set<MemoryLedger>();
  /** Of all that are there; undefined where it is to be worked out anew. */
  #budget: { readonly options: DialOverloadOptions | undefined } | undefined;

  constructor({ clock, policy, process }: DialOverloadSurroundings) {
    this.#policy = policy;
    this.#guard = new OverloadGuard(() => this.#options(), {
      ...{ clock, policy, ledgers: this.#ledgers },
      ...(process !== undefined && { process }),
      tell: (event) => this.#tell(event),
    });
  }

  /**
   * A session begins; returns what is called at its end, once or more often. `isNew`: throws ERR_KWIK_LIMIT_EXCEEDED, with the time to try
   * again, while nothing new is taken on.
   */
  enter(session: DialledSession, isNew: boolean): () => void {
    const leave = this.#join(session);
    try {
      if (isNew) this.#guard.requireRoom('session', 'ERR_KWIK_LIMIT_EXCEEDED');
    } catch (error) {
      leave();
      throw error;
    }
    return leave;
  }

  #join(session: DialledSession): () => void {
    const { ledger, options } = session;
    ledger.aheadDivisor = this.#policy.shortage.limits.readAheadDivisor;
    this.#ledgers.add(ledger);
    this.#sessions.add(session);
    if (options !== undefined) {
      this.#budget = undefined;
      this.#guard.wake();
    }
    return () => {
      if (!this.#sessions.delete(session)) return;
      this.#ledgers.delete(ledger);
      if (options !== undefined) this.#budget = undefined;
    };
  }

  #options(): DialOverloadOptions | undefined {
    this.#budget ??= { options: least([...this.#sessions].flatMap(({ options }) => options ?? [])) };
    return this.#budget.options;
  }

  /** Each callback once, however many sessions were dialled with it. */
  #tell(event: OverloadEvent): void {
    const told = new Set<DialOverloadOptions['onChange']>();
    for (const { callbacks, options } of [...this.#sessions]) {
      const onChange = options?.onChange;
      if (onChange === undefined || told.has(onChange)) continue;
      told.add(onChange);
      callbacks.call('overload.onChange', onChange, event);
    }
  }
}

/** The process is looked at where anybody wants it. */
function least(all: readonly DialOverloadOptions[]): DialOverloadOptions | undefined {
  if (all.length === 0) return undefined;
  const [memoryBytes, eventLoopDelayMs] = [leastOf(all, 'memoryBytes'), leastOf(all, 'eventLoopDelayMs')];
  return {
    process: all.some(({ process }) => process !== false),
    ...(memoryBytes !== undefined && { memoryBytes }),
    ...(eventLoopDelayMs !== undefined && { eventLoopDelayMs }),
  };
}

function leastOf(all: readonly DialOverloadOptions[], member: 'memoryBytes' | 'eventLoopDelayMs'): number | undefined {
  const given = all.flatMap((options) => options[member] ?? []);
  return given.length === 0 ? undefined : given.reduce((one, other) => Math.min(one, other));
}
