import type { DecisionReason } from '@kwik/wire';

/** How often packets went where they went, or were held back, for each reason. */
export class DecisionCounts {
  readonly #counts: Record<DecisionReason, number> = {
    'only-path': 0,
    'default-path': 0,
    'first-arrival': 0,
    'patience-over': 0,
    'wait-for-better': 0,
    'all-busy': 0,
    'last-resort': 0,
    policy: 0,
    copy: 0,
    help: 0,
  };

  get counts(): Readonly<Record<DecisionReason, number>> {
    return this.#counts;
  }

  /** Called for each packet. A scheduler that somebody else wrote may give reasons of its own; those count as `policy`. */
  count(reason: DecisionReason): void {
    if (reason in this.#counts) this.#counts[reason] += 1;
    else this.#counts.policy += 1;
  }
}
