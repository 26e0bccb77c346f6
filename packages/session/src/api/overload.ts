import type { OverloadResource } from '../core/policy/overload/overload-policy.js';
import type { OverloadAction } from '../core/policy/policy-steps.js';

export type { OverloadAction, OverloadResource };

/** What a listener may use before it gives up what it can do without; see docs/overload.md. */
export interface OverloadOptions {
  /** What peers may make all sessions hold. Default: what ends the largest session (`stats().memory`). */
  readonly memoryBytes?: number;
  /**
   * How late timers may be again and again: so long is a full budget of processor time. Default: it is not looked at. 500 is
   * much for a server that answers people.
   */
  readonly eventLoopDelayMs?: number;
  /**
   * Connections at once: of sessions whose primary this server is, with all their paths that lead here, and of paths of others.
   * Default: what the listener's socket takes, 20,000 or twice `limits.maxSessions`.
   */
  readonly connections?: number;
  /** Whether V8's heap, and what the process has resident against the limit of its cgroup, are looked at too. Default: true. */
  readonly process?: boolean;
  /** Told of each step that is taken, or taken back. */
  readonly onChange?: (event: OverloadEvent) => void;
}

/**
 * What the sessions that this process dials over one network may use together, before they do without what they can do without; see
 * docs/overload.md. Of several dials the least budgets count, each as long as its session is there.
 */
export interface DialOverloadOptions {
  /** What peers may make all of them hold. Default: of each session what ends it. */
  readonly memoryBytes?: number;
  /** How late timers may be again and again: so long is a full budget of processor time. Default: it is not looked at. */
  readonly eventLoopDelayMs?: number;
  /** Whether V8's heap, and what the process has resident against the limit of its cgroup, are looked at too. Default: true. */
  readonly process?: boolean;
  /** Told of each step that is taken, or taken back, while the session is there; one for several dials is told once. */
  readonly onChange?: (event: OverloadEvent) => void;
}

export interface OverloadEvent {
  /**
   * In this order: contents are read ahead less, nothing is sent twice to save time, nothing is done for what may come, sessions have two
   * paths here at the most, and one, new sessions are refused, idle sessions are ended.
   */
  readonly action: OverloadAction;
  /** False: it is taken back. */
  readonly on: boolean;
  /** What is scarcest, and how much of its budget is used, 0 to 1 and beyond; of `heap` and `resident` what is used beyond half. */
  readonly resource: OverloadResource;
  readonly pressure: number;
  /** In words. */
  readonly reason: string;
  /** Steps in force now, 0 to 7; where it dials, which ends no idle sessions, 0 to 6. */
  readonly level: number;
}

export interface OverloadStats {
  /** Steps in force, 0 to 7. */
  readonly level: number;
  /** As of the last look, 0 to 1 and beyond. */
  readonly pressure: Readonly<Record<OverloadResource, number>>;
  /** Steps taken, and taken back, since the listener began. */
  readonly steps: number;
  /** Sessions and paths of other primaries' sessions that were refused for it. */
  readonly refused: number;
  /** Idle sessions that were ended for it. */
  readonly idleEnded: number;
}
