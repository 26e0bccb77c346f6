import { Worker } from 'node:worker_threads';

/**
 * Starts the module `name` beside the module `base` (its `import.meta.url`) in a thread. Built, it is JavaScript; run
 * from sources, as tests do, it is TypeScript, which tsx loads. (`--import tsx` in `execArgv` does nothing in a worker
 * of Node 20, so a first module registers it.)
 */
export function startWorker(base: string, name: string): Worker {
  if (!base.endsWith('.ts')) return new Worker(new URL(`./${name}.js`, base), { name });
  return new Worker(new URL('../test-support/run-from-source.mjs', import.meta.url), {
    name,
    argv: [new URL(`./${name}.ts`, base).href],
  });
}
