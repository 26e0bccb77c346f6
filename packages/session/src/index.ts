export type * from './api/session.js';
export type * from './api/options.js';
