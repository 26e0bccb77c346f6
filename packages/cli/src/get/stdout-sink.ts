import { createHash } from 'node:crypto';
import type { Output } from '../io.js';
import type { Existing, Sink } from './sink.js';

/** `-o -`: the content goes on as it comes. Only the exit status tells whether it was right. */
export class StdoutSink implements Sink {
  readonly keptBytes = 0;
  readonly #output: Output;

  constructor(output: Output) {
    this.#output = output;
  }

  open(): Promise<Existing> {
    return Promise.resolve({ offset: 0, hash: createHash('sha256') });
  }

  begin(): Promise<void> {
    return Promise.resolve();
  }

  write(chunk: Uint8Array): Promise<void> {
    return this.#output.write(chunk);
  }

  commit(): Promise<void> {
    return Promise.resolve();
  }

  suspend(): Promise<void> {
    return Promise.resolve();
  }

  discard(): Promise<void> {
    return Promise.resolve();
  }
}
