import { createHash, type Hash } from 'node:crypto';
import { KwikError } from '@kwik/wire';
import type { Output } from '../io.js';
import type { Header } from '../protocol/messages.js';
import type { Existing, Sink } from './sink.js';

/** Where bytes go that cannot be taken back. */
export interface ByteOutput extends Pick<Output, 'write'> {
  /** Called once; resolves when bytes can be written, for example because somebody reads them. */
  open?(signal: AbortSignal): Promise<void>;
  close?(): Promise<void>;
}

/**
 * Content goes on as it comes (`-o -`, or to a device or a pipe). Only the exit status tells whether it was right. What
 * went on cannot be taken back: a second session goes on at the byte where the first one ended, or fails.
 */
export class StdoutSink implements Sink {
  readonly keptBytes = 0;
  readonly #output: ByteOutput;
  readonly #hash: Hash = createHash('sha256');
  #opened = false;
  #passed = 0;
  #etag: string | undefined;

  constructor(output: ByteOutput) {
    this.#output = output;
  }

  async open(signal: AbortSignal): Promise<Existing> {
    if (!this.#opened) await this.#output.open?.(signal);
    this.#opened = true;
    const etag = this.#etag === undefined ? {} : { etag: this.#etag };
    return { offset: this.#passed, hash: this.#hash.copy(), ...etag };
  }

  begin({ offset, etag }: Header): Promise<void> {
    if (offset !== this.#passed) {
      const message =
        `${this.#passed} bytes were passed on, and the server's file no longer begins with them; ` +
        'throw away what came and run the command again';
      return Promise.reject(new KwikError('ERR_KWIK_SOURCE_FAILED', message));
    }
    this.#etag = etag;
    return Promise.resolve();
  }

  async write(chunk: Uint8Array): Promise<void> {
    // Counted before it is written: what the reader may have got must not come a second time.
    this.#passed += chunk.length;
    this.#hash.update(chunk);
    await this.#output.write(chunk);
  }

  async commit(): Promise<void> {
    await this.#output.close?.();
  }

  suspend(): Promise<void> {
    return Promise.resolve();
  }

  discard(): Promise<void> {
    return Promise.resolve();
  }
}
