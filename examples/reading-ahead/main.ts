import { randomBytes } from 'node:crypto';
import { runFilm } from './run.js';

const { same, servers, stalls, stalledMs, playedBytes } = await runFilm(randomBytes(10_000_000), 2_000_000);
console.log(
  `${playedBytes} bytes from ${servers} servers; ${stalls} stalls, ${stalledMs} ms; ${same ? 'the film' : 'NOT the film'}`,
);
process.exitCode = same ? 0 : 1;
