export { ChaosHost, type ChaosRuntime } from './chaos-host.js';
export { ChaosWorld, type ChaosWorldOptions } from './chaos-world.js';
export { FAULT_KINDS, type ChaosFault, type DrawOptions, type FaultKind } from './fault.js';
export { forEachSeed, type SeedsOptions } from './for-each-seed.js';
