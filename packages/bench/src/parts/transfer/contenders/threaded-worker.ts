import { parentPort, workerData } from 'node:worker_threads';
import { fetchOver } from './driver.js';
import type { ThreadTask } from './threaded.js';

/** What one turn of the loop brings, as one message whose memory moves to the other thread. */
class Batch {
  #chunks: Uint8Array[] = [];

  add(chunk: Uint8Array): void {
    if (this.#chunks.length === 0) queueMicrotask(() => this.#post());
    this.#chunks.push(chunk);
  }

  #post(): void {
    const message = new Uint8Array(this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    let at = 0;
    for (const chunk of this.#chunks) {
      message.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks = [];
    parentPort?.postMessage(message, [message.buffer]);
  }
}

const { port, caPem, settings } = workerData as ThreadTask;
const batch = new Batch();
await fetchOver(port, caPem, settings, (chunk) => batch.add(chunk));
