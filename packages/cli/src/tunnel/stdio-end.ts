import type { CliIo } from '../io.js';
import type { ByteEnd } from './splice.js';

/** Standard input and output, for a program that speaks through this one (ssh's ProxyCommand). */
export class StdioEnd implements ByteEnd {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** The server has ended. */
  readonly ended: Promise<undefined>;
  readonly #io: Pick<CliIo, 'stdout'>;
  readonly #gone = new AbortController();
  #onEnd: () => void = () => undefined;

  constructor(io: Pick<CliIo, 'stdout' | 'stdin'>) {
    this.#io = io;
    this.chunks = io.stdin();
    this.ended = new Promise((resolve) => (this.#onEnd = () => resolve(undefined)));
  }

  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  async write(data: Uint8Array): Promise<void> {
    try {
      await this.#io.stdout.write(data);
    } catch (error) {
      this.#gone.abort();
      throw error;
    }
  }

  /** Standard output ends with the process. */
  end(): void {
    this.#onEnd();
  }

  abort(): void {
    this.#gone.abort();
  }
}
