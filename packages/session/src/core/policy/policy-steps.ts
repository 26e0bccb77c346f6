import type { ShortageLimits } from './shortage.js';

/** What an end does about a shortage, in this order: what costs peers least goes first. */
export type OverloadAction =
  | 'lessReadAhead'
  | 'noCopies'
  | 'noProbing'
  | 'fewerPaths'
  | 'singlePath'
  | 'refuseSessions'
  | 'endIdleSessions';

/** What an end gives its sessions, but for words. */
type Given = Omit<ShortageLimits, 'text' | 'bound'>;

export interface PolicyStep {
  readonly action: OverloadAction;
  /** From this pressure on, at once. */
  readonly from: number;
  /** Below this pressure no longer, once it has been below for a while. */
  readonly below: number;
  /** What there is less of from here on. */
  readonly gives: Partial<Given>;
}

/**
 * Contents are read ahead less, nothing is sent twice to save time, nothing is added for what is only expected, and paths that a session
 * can do without are drained, before anybody is refused; and new sessions are refused before any that is there ends. The gaps between
 * the two bounds of a step, and from step to step, keep it from turning around at each change.
 */
export const POLICY_STEPS: readonly PolicyStep[] = [
  { action: 'lessReadAhead', from: 0.7, below: 0.6, gives: { readAheadDivisor: 8 } },
  { action: 'noCopies', from: 0.73, below: 0.63, gives: { copies: false } },
  { action: 'noProbing', from: 0.76, below: 0.66, gives: { probing: false } },
  { action: 'fewerPaths', from: 0.79, below: 0.69, gives: { paths: 2 } },
  { action: 'singlePath', from: 0.82, below: 0.72, gives: { paths: 1, admitsPaths: false } },
  { action: 'refuseSessions', from: 0.85, below: 0.75, gives: { admitsSessions: false } },
  { action: 'endIdleSessions', from: 0.95, below: 0.85, gives: { endsIdle: true } },
];

/** Of a process that dials: its sessions are its application's own, and do not end because they are in no use. */
export const DIALLING_STEPS: readonly PolicyStep[] = POLICY_STEPS.filter(({ action }) => action !== 'endIdleSessions');

/** All that the steps together leave. */
export function givenBy(steps: readonly PolicyStep[]): Partial<Given> {
  return Object.assign({}, ...steps.map(({ gives }) => gives)) as Partial<Given>;
}
