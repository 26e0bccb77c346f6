import type { RandomSource } from '../random/seeded-random.js';
import type { DirectionSettings } from './direction-settings.js';

/** What will happen to one packet, decided when it enters the link. */
export interface PacketFate {
  readonly lostTo: 'loss' | 'burst' | undefined;
  /** Added to the delay; may be negative. */
  readonly jitterMs: number;
  /** More than 0: held back this long, and overtaken. */
  readonly heldBackMs: number;
  readonly duplicated: boolean;
}

/** Deviations at which the normal jitter is cut, so that one packet cannot stop all behind it. */
const NORMAL_CUT = 3;
/** The same for the exponential one: a chance of 1 in 1,100. */
const EXPONENTIAL_CUT = 7;

/**
 * Draws fates. Each kind of fault has its own source and draws for every packet, so the n-th packet's fate depends on
 * the seed and n, never on timing, and switching one fault on leaves the others as they were.
 */
export class FateSource {
  readonly #loss: RandomSource;
  readonly #burst: RandomSource;
  readonly #jitter: RandomSource;
  readonly #reorder: RandomSource;
  readonly #duplicate: RandomSource;
  #inBurst = false;

  constructor(random: RandomSource) {
    this.#loss = random.fork('loss');
    this.#burst = random.fork('burst');
    this.#jitter = random.fork('jitter');
    this.#reorder = random.fork('reorder');
    this.#duplicate = random.fork('duplicate');
  }

  next(settings: DirectionSettings): PacketFate {
    const lost = this.#loss.chance(settings.lossRate);
    const burst = this.#burstLoss(settings);
    return {
      lostTo: burst ? 'burst' : lost ? 'loss' : undefined,
      jitterMs: this.#jitterOf(settings),
      heldBackMs: this.#reorder.chance(settings.reorderRate) ? settings.reorderDelayMs : 0,
      duplicated: this.#duplicate.chance(settings.duplicateRate),
    };
  }

  #burstLoss({ burstLoss }: DirectionSettings): boolean {
    const step = this.#burst.float();
    const loss = this.#burst.float();
    if (burstLoss === null) {
      this.#inBurst = false;
      return false;
    }
    this.#inBurst = this.#inBurst ? step >= burstLoss.leaveRate : step < burstLoss.enterRate;
    return loss < (this.#inBurst ? (burstLoss.lossInside ?? 1) : (burstLoss.lossOutside ?? 0));
  }

  #jitterOf({ jitterMs, jitterDistribution }: DirectionSettings): number {
    if (jitterMs === 0) return 0;
    switch (jitterDistribution) {
      case 'uniform':
        return (2 * this.#jitter.float() - 1) * jitterMs;
      case 'normal':
        return Math.max(-NORMAL_CUT, Math.min(NORMAL_CUT, this.#jitter.normal())) * jitterMs;
      case 'exponential':
        return Math.min(EXPONENTIAL_CUT, -Math.log(1 - this.#jitter.float())) * jitterMs;
    }
  }
}
