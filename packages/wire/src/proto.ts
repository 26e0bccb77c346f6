/** Generated messages under one roof. */
export * from './gen/kwik/v1/common.js';
export * from './gen/kwik/v1/control.js';
export * from './gen/kwik/v1/data.js';
