export { createDiscovery, type DiscoveryOptions, type OwnDiscovery } from './discovery.js';
export { ServiceDirectory, type DirectoryOptions, type ServerJudge } from './directory/service-directory.js';
export { makeRecord, CAPABILITIES, RECORD_BOUNDS, type RecordInput } from './core/records/server-record.js';
export { signedText } from './core/records/signed-text.js';
export {
  ServerRegistry,
  type RegistryChange,
  type RegistryEntry,
  type RegistryOptions,
} from './core/registry/server-registry.js';
export type { Fact } from './core/registry/merge-facts.js';
export type { SourceStatus } from './core/registry/source-state.js';
export type { CriteriaWeights, SelectionPolicy } from './core/selection/policy.js';
export { selectServers } from './core/selection/select-servers.js';
export type { Candidate } from './core/selection/candidate.js';
export { HealthBook } from './core/health/health-book.js';
export type { HealthOptions } from './core/health/health-options.js';
export { PhiAccrual } from './core/health/phi-accrual.js';
export { staticList, type ListedServer } from './sources/static-list.js';
export type { DiscoverySource } from './sources/discovery-source.js';
