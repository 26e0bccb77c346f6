// First module of a worker that runs from TypeScript sources; see link/start-worker.ts. Not part of the build.
import process from 'node:process';
import { register } from 'tsx/esm/api';

register();
await import(process.argv[2]);
