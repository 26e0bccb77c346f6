export { QUICClient } from './quic-client.js';
export { QUICConnection } from './quic-connection.js';
export { QUICServer, type StartOptions } from './quic-server.js';
export { QUICStream } from './quic-stream.js';
export * as errors from './errors.js';
export * as events from './events.js';
export type { ConnectionError } from './errors.js';
export type * from './types.js';
