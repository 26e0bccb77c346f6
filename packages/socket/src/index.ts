import * as net from './exports.js';

export * from './exports.js';
// An object of its own, as programs replace members of `net`.
export default { ...net };
