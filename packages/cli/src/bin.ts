#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import { main } from './main.js';
import { nodeIo } from './node-io.js';

const status = await main(process.argv.slice(2), nodeIo(fileURLToPath(import.meta.url)));
// A handle that something left open must not keep a finished command running; what was written goes out first.
await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
process.exit(status);

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || !stream.writable) return resolve();
    stream.once('close', resolve);
    stream.write('', () => resolve());
  });
}
