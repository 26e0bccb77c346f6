import type { PolicyDecision } from '../core/policy/policy-decision.js';

export type { PolicyDecision };
