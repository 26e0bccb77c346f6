import { optionRules } from '@kwik/wire';

/** Rules of what several parts are given. */

export const counters = optionRules.value('counters of a process, such as processDiagnostics().counters', (given) =>
  optionRules.objectWith('sources').accepts(given),
);
/** Metrics of one process, or of several together. */
export const metricSource = optionRules.objectWith('samples', 'onGap');
