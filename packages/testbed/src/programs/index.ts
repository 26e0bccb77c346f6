export { findProgram, startProgram, type Program, type ProgramOptions } from './program.js';
export { freePort } from './free-port.js';
