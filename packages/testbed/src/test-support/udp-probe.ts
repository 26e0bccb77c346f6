import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';

import { startWorker } from '../link/start-worker.js';
import type { Arrival, ProbeCommand, ProbeReply } from './udp-probe-worker.js';

export type { Arrival } from './udp-probe-worker.js';

/** A sender and a receiver in a thread of their own; the receiver's port is the target of the link under test. */
export class UdpProbe {
  readonly #worker: Worker;
  readonly port: number;

  private constructor(worker: Worker, port: number) {
    this.#worker = worker;
    this.port = port;
  }

  static async start(): Promise<UdpProbe> {
    const worker = startWorker(import.meta.url, 'udp-probe-worker');
    const [reply] = (await once(worker, 'message')) as [ProbeReply];
    if (reply.kind !== 'bound') throw new Error('the probe did not bind');
    return new UdpProbe(worker, reply.port);
  }

  async run(command: ProbeCommand): Promise<Arrival[]> {
    this.#worker.postMessage(command);
    const [reply] = (await once(this.#worker, 'message')) as [ProbeReply];
    return reply.kind === 'done' ? reply.arrivals : [];
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
