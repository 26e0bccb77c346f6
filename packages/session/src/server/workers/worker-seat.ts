import { createHmac } from 'node:crypto';
import type { DatagramSource, Endpoint } from '@kwik/quic';
import { KwikError } from '@kwik/wire';
import type { WorkerBinding, WorkerSeat } from '../../api/workers.js';
import { Handover } from './handover.js';
import { UserCallbacks } from '../../runtime/host/user-callbacks.js';
import { isToWorker, Unread, type FromWorker, type ToWorker } from './worker-messages.js';
import { WorkerTable } from './worker-table.js';

/** The fleet tells it at once. */
const SEAT_TIMEOUT_MS = 10_000;
/** Clients whose first packet came before others took over are let in yet: the listener closes after this. */
const LAST_ARRIVALS_MS = 3000;
/** When the process of the fleet is gone: nobody knows of this one any more. */
const ORPHAN_DRAIN_MS = 5000;

type SeatMessage = Extract<ToWorker, { readonly kwik: 'seat' }>;

/**
 * The place of this process in the fleet that started it (`startWorkers`), for `listen({ worker })`. Rejects with
 * ERR_KWIK_INVALID_STATE in a process that no fleet has started.
 */
export async function workerSeat(): Promise<WorkerSeat> {
  if (process.send === undefined) {
    throw new KwikError('ERR_KWIK_INVALID_STATE', 'this process is no worker: startWorkers starts those');
  }
  return new Promise<WorkerSeat>((resolve, reject) => {
    const timer = setTimeout(() => {
      process.off('message', onMessage);
      reject(
        new KwikError('ERR_KWIK_INVALID_STATE', 'nobody gave this process the seat of a worker: startWorkers does'),
      );
    }, SEAT_TIMEOUT_MS);
    const onMessage = (message: unknown): void => {
      if (!isToWorker(message) || message.kwik !== 'seat') return;
      clearTimeout(timer);
      process.off('message', onMessage);
      // Now, and not when somebody who waits is called: what comes with the same read of the pipe is for the seat.
      resolve(new Seat(message));
    };
    process.on('message', onMessage);
  });
}

class Seat implements WorkerSeat, WorkerBinding {
  readonly worker: number;
  readonly payload: unknown;
  readonly port: number;
  readonly wantedPort: number;
  readonly retryKey: Uint8Array;
  readonly resetKey: Uint8Array;
  readonly steering: WorkerTable;
  readonly binding: WorkerBinding = this;
  readonly #secret: Uint8Array;
  #handover: Handover | undefined;
  #stats: () => unknown = () => undefined;
  #endsMs = Number.POSITIVE_INFINITY;
  #drainTimer: NodeJS.Timeout | undefined;
  /** What sessions have left, once they are to finish. */
  #leftMs: number | undefined;
  #onDrain: ((timeoutMs: number) => void) | undefined;
  readonly #callbacks = new UserCallbacks();
  readonly #listeners = new Set<(message: unknown) => void>();
  readonly #unread = new Unread();
  #stopped = false;

  constructor({ worker, key, port, wantedPort, payload }: SeatMessage) {
    this.worker = worker;
    this.payload = payload;
    this.port = port;
    this.wantedPort = wantedPort;
    const shared = Buffer.from(key, 'base64');
    this.retryKey = derive(shared, 'retry');
    this.resetKey = derive(shared, 'reset');
    this.#secret = derive(shared, 'handover');
    this.steering = new WorkerTable(worker, (to, datagram, from) => this.#handover?.send(to, datagram, from) ?? false);
    process.on('message', this.#onMessage);
    process.once('disconnect', this.#onOrphaned);
  }

  onDrain(listener: (timeoutMs: number) => void): void {
    this.#onDrain = listener;
    if (this.#leftMs !== undefined) listener(this.#leftMs);
  }

  get connected(): boolean {
    return process.connected;
  }

  send(message: unknown): boolean {
    return process.connected && this.#unread.send(process, { kwik: 'message', message });
  }

  onMessage(listener: (message: unknown) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      this.#leave();
    };
  }

  async serve(endpoint: Pick<Endpoint, 'address' | 'takeHanded'>, stats: () => unknown): Promise<void> {
    this.#stats = stats;
    const onDatagram = (datagram: Uint8Array, from: DatagramSource): void => endpoint.takeHanded(datagram, from);
    this.#handover = await Handover.open(this.#secret, onDatagram);
    const { address, port } = endpoint.address();
    this.#tell({ kwik: 'ready', address, port, handoverPort: this.#handover.port });
  }

  /** The listener is closed: nothing of this keeps the process alive, but for those who listen to the fleet. */
  stop(): void {
    this.#stopped = true;
    this.#handover?.close();
    this.#handover = undefined;
    process.off('disconnect', this.#onOrphaned);
    clearTimeout(this.#drainTimer);
    this.#leave();
  }

  #leave(): void {
    if (!this.#stopped || this.#listeners.size > 0) return;
    process.off('message', this.#onMessage);
    if (process.connected) process.disconnect();
  }

  readonly #onMessage = (message: unknown): void => {
    if (!isToWorker(message)) return;
    if (message.kwik === 'table') this.steering.update(message.workers, message.retired);
    else if (message.kwik === 'message') {
      for (const listener of [...this.#listeners]) this.#callbacks.call('onMessage', listener, message.message);
    } else if (this.#stopped) return;
    else if (message.kwik === 'drain') this.#drain(message.timeoutMs);
    else if (message.kwik === 'stats') this.#tell({ kwik: 'stats', id: message.id, stats: this.#stats() });
  };

  readonly #onOrphaned = (): void => this.#drain(ORPHAN_DRAIN_MS);

  /** Less time than before counts; more does not. */
  #drain(timeoutMs: number): void {
    const endsMs = performance.now() + timeoutMs;
    if (endsMs >= this.#endsMs) return;
    this.#endsMs = endsMs;
    const waitMs = this.#leftMs === undefined ? Math.min(LAST_ARRIVALS_MS, timeoutMs) : 0;
    const leftMs = timeoutMs - waitMs;
    clearTimeout(this.#drainTimer);
    this.#drainTimer = setTimeout(() => {
      this.#leftMs = leftMs;
      this.#onDrain?.(leftMs);
    }, waitMs);
  }

  #tell(message: FromWorker): void {
    // The fleet may be gone at this very moment.
    if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
  }
}

function derive(key: Uint8Array, use: string): Uint8Array {
  return createHmac('sha256', key).update(`kwik worker ${use}`).digest();
}
