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
export { HealthBook, type HealthTurn } from './core/health/health-book.js';
export type { HealthOptions } from './core/health/health-options.js';
export { PhiAccrual } from './core/health/phi-accrual.js';
export { staticList, type ListedServer } from './sources/static-list.js';
export { openEtcdStore, type EtcdStoreOptions } from './api/open-store.js';
export type { EtcdSpec, SourceCredentials } from './sources/etcd-entry.js';
export { openDrainMarks, type DrainMarksSource } from './sources/open-marks.js';
export { announceBy, openSource, type AnnounceOptions, type OpenSourceOptions } from './sources/open-source.js';
export { credentialsOfEnvironment, sourcesOfEnvironment } from './sources/environment.js';
export { parseSource, SOURCE_FORMS, type SourceSpec } from './sources/source-spec.js';
export type { DiscoverySource } from './sources/discovery-source.js';
export { dnsSd, type DnsSdOptions } from './sources/dns/dns-sd.js';
export { dnsSdZone } from './sources/dns/zone-text.js';
export { svcb, type SvcbOptions } from './sources/dns/svcb-source.js';
export type { DnsOptions } from './sources/dns/dns-client.js';
export { watchedFile, type WatchedFileOptions } from './sources/watched-file.js';
export { pollingSource, type PollingOptions } from './sources/polling-source.js';
export { httpApi, announceByHttp, type HttpApiOptions, type HttpAnnounceOptions } from './sources/http/http-api.js';
export type { HttpCredentials } from './sources/http/bounded-request.js';
export { mdns, announceByMdns, type MdnsOptions, type MdnsAnnounceOptions } from './sources/mdns/mdns.js';
export type { Announcement } from './sources/announcement.js';
export { decodeSvcb, encodeSvcb, type SvcbValue } from './core/dns/svcb.js';
export { AnnouncedServers, type ServerStore } from './api/announced-servers.js';
export { registryApi, type RegistryApiOptions } from './api/registry-api.js';
export { RecordSigner, type RecordSignerOptions } from './signing/record-signer.js';
export type { KeyProof, KeyRequest } from './signing/key-proof.js';
export { signedRecords, signingKeyId, signRecord } from './signing/record-signing.js';
