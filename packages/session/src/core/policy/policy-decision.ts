import type { ScalingStep } from '@kwik/wire';

/**
 * Something that an end has decided of what it has or gives, as it is published (`kwik:scaling:step`): what, by which rules, of whom,
 * why, and what was measured against which bound. No member can be left out.
 */
export interface PolicyDecision extends Required<ScalingStep> {
  /** On the clock of the end, milliseconds. */
  readonly atMs: number;
}

/** A decision as those who make it say it: each stands for itself. */
export type OneDecision = Omit<PolicyDecision, 'count'>;
