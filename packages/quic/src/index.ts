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
} from './backend.js';
export { quicheBackend } from './backends/quiche.js';
export { spkiPin } from './certificate-check.js';
export { systemClock } from './clock.js';
export { Endpoint } from './endpoint.js';
export type { DropReason, EndpointStats } from './endpoint-stats.js';
export { DEFAULT_LIMITS, type EndpointLimits } from './limits.js';
export { DEFAULT_ALPN } from './options.js';
export type {
  ClientCertificate,
  DialOptions,
  EndpointOptions,
  ServerOptions,
  TransportOptions,
  TrustOptions,
} from './options.js';
