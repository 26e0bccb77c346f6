#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import { EXIT } from './exit-codes.js';
import { main } from './main.js';
import { nodeIo } from './node-io.js';

const io = nodeIo(fileURLToPath(import.meta.url));
const status = await main(process.argv.slice(2), io);
// A handle that something left open must not keep a finished command running; what was written goes out first.
await io.flush();
process.exit(status === EXIT.interrupted && io.signal() === 'SIGTERM' ? EXIT.terminated : status);
