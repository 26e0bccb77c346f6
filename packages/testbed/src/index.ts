export { ProcessClock, type ProcessClockOptions } from './clock/process-clock.js';
export { VirtualClock, type RunBounds, type VirtualClockOptions } from './clock/virtual-clock.js';
export type {
  ContractCase,
  ContractWorld,
  MakePair,
  PairOptions,
  RecordedPair,
  TransportPair,
} from './contract/contract-case.js';
export {
  describePathTransportContract,
  PATH_TRANSPORT_CONTRACT,
  runContractCase,
  type TestRunner,
} from './contract/path-transport-contract.js';
export { CallDepth, RecordingSide, RecordingStream, writeAll } from './contract/recording-handlers.js';
export { createLinks, type LinkSet } from './link/create-links.js';
export type { BurstLoss, DirectionSettings, JitterDistribution } from './link/direction-settings.js';
export type { EmulatedLink, LinkOptions, LinkStats } from './link/emulated-link.js';
export { Link } from './link/link.js';
export type { DropReason, LinkDirectionStats } from './link/link-counters.js';
export { LinkHost, type LinkHostOptions } from './link/link-host.js';
export { LinkModel } from './link/link-model.js';
export {
  applyOptions,
  resolveShape,
  type LinkDirection,
  type LinkDirectionOptions,
  type LinkShape,
} from './link/link-options.js';
export { RelayGate } from './link/relay-gate.js';
export { MemoryLink, type StreamFilter } from './memory/memory-link.js';
export {
  MemoryNetwork,
  type MemoryConnectionOptions,
  type MemoryDialCallbacks,
  type MemoryDialOptions,
  type MemoryListener,
  type MemoryListenOptions,
  type MemoryNetworkOptions,
} from './memory/memory-network.js';
export { deterministicRandomBytes } from './random/random-bytes.js';
export { SeededRandom, type RandomSource } from './random/seeded-random.js';
export { pause, until } from './waiting/real-time.js';
