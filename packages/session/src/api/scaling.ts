import type { KwikError } from '@kwik/wire';
import type { ScalingCandidate } from '../core/scaling/candidates.js';
import type { DemandModel } from '../core/scaling/demand-forecast.js';

export type { DemandModel, ScalingCandidate };

/** How a primary takes on further servers for the content of a session, and gives them back. */
export interface ScalingOptions {
  /** Servers that have the same content (`addPath` with the capability `replica`). The cheapest are taken first. */
  readonly candidates: readonly ScalingCandidate[];
  /** Paths of a session at once, with those that the application added; 1 to 16. Default: 4. */
  readonly maxPaths?: number;
  /** Predicts demand besides what is built in; its word may only add. */
  readonly model?: DemandModel;
  /** Told of each decision and of what became of it. */
  readonly onDecision?: (event: ScalingEvent) => void;
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
  /** What the candidates' bytes of this month cost this session, in the currency of their prices. */
  readonly spent: number;
}
