import type { AlertView } from '../alerts/alert.js';
import type { ServerSums } from '../history/server-sums.js';
import type { LiveOverview, LivePath } from '../live/live-state.js';
import type { TimelineEntry } from '../live/timeline.js';
import type { Spread } from '../metrics/quantiles.js';
import type { Series } from '../metrics/samples.js';

/** What the process that shows all workers wants to know of one; without any of it, whether it answers. */
export interface Wanted {
  readonly metrics?: boolean;
  /** Sessions to be listed, at the most. */
  readonly overview?: number;
  /** Ids of the sessions whose paths are wanted; few. */
  readonly sessions?: readonly string[];
  readonly flight?: boolean;
}

export interface WorkerQuestion extends Wanted {
  readonly telemetry: 'ask';
  readonly id: number;
  /** Lines of the timeline up to this one are known. */
  readonly line: number;
  /** Gaps of failovers up to this one are known. */
  readonly gap: number;
}

/** Its size is bounded: by the list of metrics, the sessions that were asked for, 200 lines, and 4 MiB of a flight. */
export interface WorkerAnswer {
  readonly telemetry: 'answer';
  readonly id: number;
  readonly lines: readonly TimelineEntry[];
  /** Seconds each, the last of them with number `gap`. */
  readonly gaps: readonly number[];
  readonly gap: number;
  readonly metrics?: WorkerMetrics;
  readonly overview?: LiveOverview;
  readonly alerts?: readonly AlertView[];
  /** By the ids of their sessions; of those that are there. */
  readonly paths: Readonly<Record<string, readonly LivePath[]>>;
  /** JSON; null: it is too large. */
  readonly flight?: string | null;
}

export interface WorkerMetrics {
  readonly series: readonly Series<number>[];
  readonly spreads: readonly Series<Spread>[];
  readonly servers: readonly (readonly [name: string, sums: ServerSums])[];
}

/** Other messages may go between the same processes. */
export function isQuestion(message: unknown): message is WorkerQuestion {
  return kindOf(message) === 'ask';
}

export function isAnswer(message: unknown): message is WorkerAnswer {
  return kindOf(message) === 'answer';
}

function kindOf(message: unknown): unknown {
  return typeof message === 'object' && message !== null ? (message as { telemetry?: unknown }).telemetry : undefined;
}
