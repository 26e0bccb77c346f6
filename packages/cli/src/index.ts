export { main } from './main.js';
export type { CliIo, InterruptSignal, Network, Output } from './io.js';
export type { ExitCode } from './exit-codes.js';
