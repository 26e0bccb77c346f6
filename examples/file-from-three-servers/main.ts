import { randomBytes } from 'node:crypto';
import { runThreeServers } from './run.js';

const { same, shares } = await runThreeServers(randomBytes(20_000_000));
for (const { address, bytes } of shares) console.log(`${address} brought ${bytes} bytes`);
console.log(same ? 'the copy is the file' : 'THE COPY IS NOT THE FILE');
process.exitCode = same ? 0 : 1;
