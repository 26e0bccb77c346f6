import { Worker } from 'node:worker_threads';
import { Pattern, PatternReader } from '../../../harness/pattern.js';
import type { Contender, Settings } from '../contender.js';
import { driver } from './driver.js';

/** What the thread is told. */
export interface ThreadTask {
  readonly port: number;
  readonly caPem: string;
  readonly settings: Settings;
}

/** `@kwik/quic` with the client's connection in a worker thread: what it receives is moved to the main thread. */
export const threaded: Contender = {
  serve: (credentials, settings, peers) => driver.serve(credentials, settings, peers),

  async fetch(port, caPem, settings) {
    const start = performance.now();
    const reader = new PatternReader(new Pattern());
    const workerData: ThreadTask = { port, caPem, settings };
    const worker = new Worker(new URL('./threaded-worker.js', import.meta.url), { workerData });
    try {
      await new Promise<void>((resolve, reject) => {
        worker.on('message', (data: Uint8Array) => {
          try {
            reader.read(data);
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error)));
          }
          if (reader.bytes >= settings.bytes) resolve();
        });
        worker.on('error', reject);
      });
      return { bytes: reader.bytes, seconds: (performance.now() - start) / 1000 };
    } finally {
      await worker.terminate();
    }
  },
};
