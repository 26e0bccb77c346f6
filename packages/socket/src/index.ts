import * as net from './exports.js';

export * from './exports.js';
// An object of its own, as programs replace members of `net`.
const whole = { ...net };
export default whole;
/** What `require` returns. */
export { whole as 'module.exports' };
