export { processDiagnostics, type ProcessDiagnostics } from '@kwik/quic';
export { persistentResetKey } from './credentials/reset-key.js';
export type * from './api/datagrams.js';
export type * from './api/scaling.js';
export type * from './api/session.js';
export type * from './api/options.js';
export type * from './api/relays.js';
export { dial } from './client/dial.js';
export { listen } from './server/listen.js';
export { keepDiscoveredPaths, type DiscoveredPathOptions } from './server/discovered-paths.js';
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
  type TrustPolicy,
} from '@kwik/kcp';
