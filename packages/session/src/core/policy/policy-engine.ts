import { DialPolicy, type DialChange, type DialDecision } from '@kwik/paths';
import { DecisionLog } from './decision-log.js';
import { OverloadPolicy, scarcest, type OverloadChange, type Pressures } from './overload/overload-policy.js';
import { percent, processReason, type ProcessMemory } from './overload/process-pressure.js';
import { retryAfterMs } from './overload/retry-after.js';
import type { OneDecision, PolicyDecision } from './policy-decision.js';
import { givenBy, POLICY_STEPS, type PolicyStep } from './policy-steps.js';
import { SessionPolicy } from './session-policy.js';
import { Shortage } from './shortage.js';

/** As clients and sessions are told. */
const NAMES = {
  memory: 'memory',
  eventLoop: 'processor time',
  connections: 'connections',
  heap: 'memory',
  resident: 'memory',
} as const;

/** What is short is told with each step, and else so rarely: which is scarcest may change with each client, and all sessions hear of it. */
const TEXT_EVERY_MS = 250;

const NO_PRESSURES: Pressures = { memory: 0, eventLoop: 0, connections: 0, heap: 0, resident: 0 };

/** What is done for a change of dials. */
const DIAL_STEPS = {
  opened: 'degrade',
  closed: 'restore',
  'network-lost': 'degrade',
  'network-back': 'restore',
} as const satisfies Readonly<Record<DialChange, OneDecision['step']>>;

const DIAL_REASONS: Readonly<Record<DialChange, string>> = {
  opened: 'it does not answer: one dial at a time finds out whether it does again',
  closed: 'it answers again',
  'network-lost': 'several servers do not answer, and no other does: it is held to be the network here',
  'network-back': 'a server answers again: the network here is back',
};

export interface PolicyEngineOptions {
  /** What this end is called where others are told of it. */
  readonly name: 'the server' | 'this process';
  /** 0 <= random() < 1. */
  readonly random: () => number;
  /** Told of each decision, once; see `DecisionLog`. */
  readonly publish: (decision: PolicyDecision) => void;
  /** Told when `tick` is to be called, at the latest. */
  readonly onDue: (atMs: number) => void;
  /** What is given up, and in which order. */
  readonly steps?: readonly PolicyStep[];
}

/** What is used now. */
export interface Measured {
  readonly pressures: Pressures;
  /** Of which `heap` and `resident` are. */
  readonly process: ProcessMemory;
}

/** A step that was taken, or taken back, and why. */
export interface StepChange extends OverloadChange {
  readonly reason: string;
}

/** Why somebody is not let in, and when to come back. */
export interface Refusal {
  readonly text: string;
  readonly retryAfterMs: number;
}

/** Who wants to come: a session, or a path whose session has another one elsewhere. */
export type Comer = 'session' | 'path';

/**
 * Decides what one end has and gives: a listener, or a process that dials. It knows the steps by which things are given up, the rules of
 * each session, and those of what is dialled. All that it decides has a reason and a bound, and is published once. Sans-IO; `now`
 * in milliseconds on any clock that only goes forward.
 */
export class PolicyEngine {
  readonly #options: PolicyEngineOptions;
  readonly #log: DecisionLog;
  readonly #overload: OverloadPolicy;
  /** What all sessions of this end follow. */
  readonly shortage = new Shortage();
  #measured: Pressures = NO_PRESSURES;
  #text = '';
  #textAtMs = Number.NEGATIVE_INFINITY;
  /** Since when paths, and since when sessions, are refused. */
  readonly #refusingSinceMs = { path: 0, session: 0 };
  #dials: DialPolicy | undefined;

  constructor(options: PolicyEngineOptions) {
    this.#options = options;
    this.#log = new DecisionLog(options.publish, options.onDue);
    this.#overload = new OverloadPolicy(options.steps ?? POLICY_STEPS);
  }

  /** Steps in force. */
  get level(): number {
    return this.#overload.level;
  }

  /** As of the last look. */
  get pressures(): Pressures {
    return this.#measured;
  }

  /** The last decisions, the newest last. */
  get decisions(): readonly PolicyDecision[] {
    return this.#log.kept;
  }

  /** Which servers are dialled, and when: what it decides is decided here. */
  get dials(): DialPolicy {
    this.#dials ??= new DialPolicy(this.#options.random, { onDecision: (decision) => this.#dialled(decision) });
    return this.#dials;
  }

  /** What is decided of one session. */
  session(sessionId: string): SessionPolicy {
    return new SessionPolicy({
      sessionId,
      shortage: this.shortage,
      decided: (decision) => this.#decided(decision),
      decisions: () => this.decisions,
    });
  }

  /** So much is used now: the steps that are taken for it, or taken back. */
  look({ pressures, process }: Measured, now: number): StepChange[] {
    this.#measured = pressures;
    const changes = this.#overload.update(pressures, now).map((change) => {
      return { ...change, reason: this.#reason(change, process) };
    });
    for (const change of changes) this.#changed(change, now);
    if (changes.length > 0 || now - this.#textAtMs >= TEXT_EVERY_MS) {
      this.#text = `${this.#options.name} is short of ${this.#short()}`;
      this.#textAtMs = now;
    }
    this.#give(changes.at(-1)?.bound ?? this.shortage.limits.bound);
    return changes;
  }

  /** Why nobody new is let in; undefined: they may come. */
  refusal(who: Comer, now: number): Refusal | undefined {
    const { admitsPaths, admitsSessions } = this.shortage.limits;
    if (who === 'session' ? admitsSessions : admitsPaths) return undefined;
    const waitMs = this.retryAfterMs(who, now);
    const used = `${this.#short()}: ${percent(scarcest(this.#measured)[1])} of its budget is used`;
    const text = `${this.#options.name} is overloaded (${used}); try again in ${Math.ceil(waitMs / 1000)} s`;
    return { text, retryAfterMs: waitMs };
  }

  /** When somebody who is refused may come back, milliseconds. */
  retryAfterMs(who: Comer, now: number): number {
    return retryAfterMs(now - this.#refusingSinceMs[who], this.#options.random());
  }

  /** Tells of decisions that were too many to be told one by one. */
  tick(now: number): void {
    this.#log.tick(now);
  }

  /** It gives everything again. */
  end(): void {
    this.shortage.set();
  }

  /** All decisions pass here. */
  #decided(decision: OneDecision): void {
    this.#log.decided(decision);
  }

  #give(bound: StepChange['bound'] | undefined): void {
    const { taken } = this.#overload;
    this.shortage.set(taken.length === 0 ? undefined : { ...givenBy(taken), text: this.#text, bound });
  }

  #changed({ action, on, bound, reason }: StepChange, atMs: number): void {
    if (action === 'refuseSessions' && on) this.#refusingSinceMs.session = atMs;
    if (action === 'fewerPaths' && on) this.#refusingSinceMs.path = atMs;
    this.#decided({
      step: on ? 'degrade' : 'restore',
      result: 'done',
      decider: 'overload',
      of: 'process',
      server: '',
      session: '',
      reason,
      bound,
      figures: { ...this.#measured },
      atMs,
    });
  }

  #dialled({ change, server, bound, failing, atMs }: DialDecision): void {
    this.#decided({
      step: DIAL_STEPS[change],
      result: 'done',
      decider: 'dials',
      of: server === '' ? 'process' : 'server',
      server,
      session: '',
      reason: DIAL_REASONS[change],
      bound,
      figures: { failing },
      atMs,
    });
  }

  /** The scarcest now; while calm is awaited, less may be used than what the steps were taken for. */
  #short(): string {
    return NAMES[scarcest(this.#measured)[0]];
  }

  /** For operators. */
  #reason({ resource, pressure }: OverloadChange, process: ProcessMemory): string {
    if (resource === 'heap' || resource === 'resident') return processReason(resource, process);
    return `${NAMES[resource]}: ${percent(pressure)} of the budget is used`;
  }
}
