import type { KwikError, ServerDirectory, ServerQuery } from '@kwik/wire';
import type { ScalingCandidate } from '../core/policy/scaling/candidates.js';
import type { KnownHour } from '../core/policy/scaling/hourly-table.js';
import type { DemandModel } from '../core/policy/scaling/demand-forecast.js';

export type { DemandModel, KnownHour, ScalingCandidate };

/** How a primary takes on further servers for the content of a session, and gives them back. */
export interface ScalingOptions {
  /** Servers that have the same content (`addPath` with the capability `replica`). The cheapest are taken first. */
  readonly candidates?: readonly ScalingCandidate[];
  /**
   * Further candidates: the servers of a service (`Discovery.service` of @kwik/discovery) that have the capability `replica`.
   * Their attributes `price-per-gb`, `monthly-cap-bytes` and `metered` (`true`) count as those of a candidate do.
   */
  readonly directory?: ServerDirectory;
  /** Which of them are wanted. This server's own id and addresses belong into `exclude`. */
  readonly query?: Omit<ServerQuery, 'capabilities'>;
  /** Paths of a session at once, with those that the application added; 1 to 16. Default: 4. */
  readonly maxPaths?: number;
  /** Predicts demand besides what is built in; its word may only add. */
  readonly model?: DemandModel;
  /**
   * What `onSpending` told last before this process, so that the bytes of the month are counted on; of another month than this
   * it counts for nothing. The last 1,024 servers of it are remembered.
   */
  readonly spending?: Spending;
  /**
   * Told what the servers have sent this month, when it has changed: every ten seconds at the most, and when a session ends. For
   * a program that writes it down, lest a restart forgets what was spent.
   */
  readonly onSpending?: (spending: Spending) => void;
  /** Where what the hours of the last days needed is kept, so that a restart forgets nothing of it. Default: it is lost with the process. */
  readonly history?: DemandHistory;
  /** Told of each decision and of what became of it. */
  readonly onDecision?: (event: ScalingEvent) => void;
}

/**
 * Keeps what is known of the demand of former days, for all sessions of a listener: as JSON in a file, say. What either throws is
 * told as an error of `scaling.history` (`stats().callbackErrors`), and the server goes on without.
 */
export interface DemandHistory {
  /**
   * What `save` was given last, by an earlier process perhaps, or undefined, or a promise of it; called once. `listen` waits for the promise, ten
   * seconds at the most: what comes later is taken when it comes, and nothing is saved before. What is no such list, or too long, is not taken,
   * and hours of other days than the last 14 are left out.
   */
  load(): unknown;
  /**
   * Called once a minute at the most, while something is new, and when the listener closes, which does not wait for a promise. What
   * it throws, or rejects with, is told, and the next call has what this one could not save.
   */
  save(hours: readonly KnownHour[]): unknown;
}

/** What servers have sent in a month, in all sessions of a listener. */
export interface Spending {
  /** In UTC, such as `2026-11`. */
  readonly month: string;
  /** Bytes by the address of the server, `host:port`. */
  readonly bytes: Readonly<Record<string, number>>;
}

export interface ScalingEvent {
  readonly sessionId: string;
  /** What is begun (`add`, `remove`), and how it ended (`added`, `removed`, `failed`); `lost`: an added path died. */
  readonly kind: 'add' | 'added' | 'remove' | 'removed' | 'failed' | 'lost';
  readonly address: string;
  /** In words, with the figures. */
  readonly reason: string;
  /** Of `failed`. */
  readonly error?: KwikError;
  /** Bytes per second, as of the decision. */
  readonly usedBytesPerSecond: number;
  readonly capacityBytesPerSecond: number;
  readonly predictedBytesPerSecond: number;
  /** What the candidates' bytes of this month cost all sessions of the listener, in the currency of their prices. */
  readonly spent: number;
}
