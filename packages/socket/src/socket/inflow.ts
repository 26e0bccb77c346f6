import { nextTick } from 'node:process';
import type { Carrier } from '../carrier/carrier.js';

/** Where what came goes. */
export interface InflowSink {
  /** False when that is enough for now. */
  onChunk(chunk: Buffer): boolean;
  onEnd(): void;
  onError(error: unknown): void;
}

/** Reads a carrier as long as somebody wants more. */
export class Inflow {
  readonly #carrier: Carrier;
  readonly #sink: InflowSink;
  #reading = false;
  #wanted = false;
  #over = false;

  constructor(carrier: Carrier, sink: InflowSink) {
    this.#carrier = carrier;
    this.#sink = sink;
  }

  get reading(): boolean {
    return this.#wanted;
  }

  start(): void {
    this.#wanted = true;
    if (this.#reading || this.#over) return;
    this.#reading = true;
    // Not from inside of a promise: what the application throws is an uncaught exception, as it is with node:net.
    this.#carrier.read().then(
      (chunk) => nextTick(this.#onRead, chunk),
      (error: unknown) => nextTick(this.#onFailed, error),
    );
  }

  /** What is being read already is still handed on. */
  stop(): void {
    this.#wanted = false;
  }

  /** Nothing is handed on any more. */
  end(): void {
    this.#over = true;
  }

  readonly #onRead = (chunk: Buffer | null): void => {
    this.#reading = false;
    if (this.#over) return;
    if (chunk === null) {
      this.#over = true;
      this.#sink.onEnd();
      return;
    }
    try {
      if (!this.#sink.onChunk(chunk)) this.#wanted = false;
    } finally {
      // Also when a listener of the application has thrown: a program that survives that gets the rest, as with node:net.
      if (this.#wanted) this.start();
    }
  };

  readonly #onFailed = (error: unknown): void => {
    if (this.#over) return;
    this.#over = true;
    this.#sink.onError(error);
  };
}
