export type {
  BackendAcceptOptions,
  BackendAddress,
  BackendCloseReason,
  BackendConfig,
  BackendConfigOptions,
  BackendConnection,
  BackendConnectOptions,
  BackendPathStats,
  BackendTransport,
  QuicBackend,
  RetryPacket,
  StreamReadResult,
  StreamRefusal,
} from './backends/backend.js';
export { quicheBackend } from './backends/quiche-backend.js';
export { resolveHost, sendable, type HostLookup } from './socket/address.js';
export { canonicalAddress, isLinkLocal, withoutZone, zoneOf } from './socket/zone.js';
export { raceAddresses, type AddressRace } from './endpoint/address-race.js';
export { raceAttempts, type AttemptRace } from './endpoint/attempt-race.js';
export { byDeadline, type Deadline } from './endpoint/deadline.js';
export { spkiPin } from './tls/certificate-check.js';
export { checkKeyPair } from './tls/server-credentials.js';
export { Endpoint } from './endpoint/endpoint.js';
export type { WorkerSteering } from './routing/worker-steering.js';
export type { DatagramSource } from './socket/datagram-socket.js';
export {
  forgetSessionTickets,
  logTlsKeys,
  partOfProcess,
  processDiagnostics,
  ProcessResources,
  systemClock,
  type ProcessDiagnostics,
} from './endpoint/process-resources.js';
export { Allowance, type AllowanceLimits } from './forwarding/allowance.js';
export type { Flow, FlowOptions } from './forwarding/flow-table.js';
export type { IoChoice } from './socket/bind.js';
export type { SocketIo } from './socket/datagram-socket.js';
export { EndpointCounters } from './routing/endpoint-stats.js';
export type { DropReason, EndpointStats } from './routing/endpoint-stats.js';
export { BOUND_TEXT, type Bound } from './routing/bound-watch.js';
export { DEFAULT_LIMITS, type EndpointLimits } from './routing/limits.js';
export { peerAt } from './routing/source.js';
export { DEFAULT_ALPN } from './endpoint/options.js';
export type { ClientCertificate, DialOptions, EndpointOptions, ServerOptions } from './endpoint/options.js';
export type { TransportOptions } from './connection/transport-options.js';
export type { TrustOptions } from './tls/trust-options.js';
