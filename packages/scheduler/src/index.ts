export * from './policies/adaptive.js';
export * from './policies/blest.js';
export * from './policies/ecf.js';
export * from './policies/min-rtt.js';
export * from './policies/redundant.js';
export * from './policies/round-robin.js';
export * from './policies/weighted.js';
export * from './registry.js';
export { withIntents } from './intents/with-intents.js';
// What a scheduler of one's own is made of.
export { candidates, isSendable } from './common/candidates.js';
export { schedulerOf, Selector, send, waitFor, type Choose } from './common/decide.js';
export { arrivalMs, lowest, pieceBytes, ratePerMs, readyInMs, rttMs } from './common/estimate.js';
