import type { DatagramSource, WorkerSteering } from '@kwik/quic';
import type { SeatedWorker } from './worker-messages.js';

/** Hands a datagram to the process that hears on that port; false when it is lost. */
export type SendHanded = (port: number, datagram: Uint8Array, from: DatagramSource) => boolean;

/** Which workers there are, as one of them knows. */
export class WorkerTable implements WorkerSteering {
  readonly worker: number;
  readonly #send: SendHanded;
  #workers = new Map<number, SeatedWorker>();
  #taking: readonly number[] = [];
  #retired: ReadonlySet<number> = new Set();

  constructor(worker: number, send: SendHanded) {
    this.worker = worker;
    this.#send = send;
  }

  update(workers: readonly SeatedWorker[], retired: readonly number[]): void {
    this.#workers = new Map(workers.map((one) => [one.worker, one]));
    this.#taking = workers.flatMap(({ worker, taking }) => (taking ? [worker] : []));
    this.#retired = new Set(retired);
  }

  hand(worker: number, datagram: Uint8Array, from: DatagramSource): boolean {
    const known = this.#workers.get(worker);
    return known !== undefined && this.#send(known.handoverPort, datagram, from);
  }

  /** A number that was never given counts as one: its process may have begun just now. */
  isKnown(worker: number): boolean {
    return !this.#retired.has(worker);
  }

  newcomer(key: number, wish: number | undefined): number {
    if (wish !== undefined && this.#workers.has(wish)) return wish;
    const { length } = this.#taking;
    // Of a session whose worker is not here all paths go to one place, where a token that is shown again is noticed.
    if (wish !== undefined && length > 0) return this.#taking[wish % length]!;
    if (length === 0 || this.#taking.includes(this.worker)) return this.worker;
    return this.#taking[key % length]!;
  }
}
