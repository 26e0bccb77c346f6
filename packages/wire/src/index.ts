export * from './contracts/clock.js';
export * from './contracts/path-transport.js';
export * from './contracts/scheduler.js';
export * from './errors/error-table.js';
export * from './errors/kwik-error.js';
export * from './ids/ids.js';
export * as proto from './proto.js';
