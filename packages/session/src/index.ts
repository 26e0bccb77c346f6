export { logTlsKeys, processDiagnostics, type ProcessDiagnostics } from '@kwik/quic';
export { persistentResetKey } from './credentials/reset-key.js';
export type * from './api/datagrams.js';
export type * from './api/path-pings.js';
export type * from './api/scaling.js';
export type * from './api/takeover.js';
export type * from './api/listener.js';
export type * from './api/session.js';
export type * from './api/options.js';
export type * from './api/overload.js';
export type * from './api/policy.js';
export type * from './api/relays.js';
export { askForServers, type ServerQuestion, type TellableServer } from './client/ask-for-servers.js';
export type * from './api/workers.js';
export { dial } from './client/dial.js';
export { listen } from './server/listen.js';
export { checkStandby } from './server/takeover/check-standby.js';
export { startWorkers } from './server/workers/worker-fleet.js';
export { workerSeat } from './server/workers/worker-seat.js';
export { keepDiscoveredPaths, type DiscoveredPathOptions } from './server/discovered-paths.js';
export { reportHealth } from './server/report-health.js';
export { KwikError, type ErrorCode, type ErrorScope } from '@kwik/wire';
export {
  bearerClientAuth,
  bearerServerAuth,
  certificateClientAuth,
  certificateServerAuth,
  noneClientAuth,
  noneServerAuth,
  pskClientAuth,
  pskServerAuth,
  type ClientAuthenticator,
  type ServerAuthenticator,
  type TrustDomains,
  type TrustPolicy,
} from '@kwik/kcp';
