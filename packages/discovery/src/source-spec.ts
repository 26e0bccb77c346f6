// How sources are written, for programs that read options before they know whether they need discovery: it loads little.
export { CAPABILITIES } from './core/records/server-record.js';
export { credentialsOfEnvironment, sourcesOfEnvironment } from './sources/environment.js';
export type { SourceCredentials } from './sources/etcd-entry.js';
export { parseSource, SOURCE_FORMS, type SourceSpec } from './sources/source-spec.js';
