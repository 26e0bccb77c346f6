/** The option `onread`: what comes is put into memory of the application's own, and announced by a callback. */
export interface OnReadOptions {
  readonly buffer: Uint8Array | (() => Uint8Array);
  /** False: no more, until `resume`. */
  callback(bytesWritten: number, buffer: Uint8Array): boolean;
}

/** Hands bytes on through the application's buffer. */
export class UserBuffer {
  readonly #options: OnReadOptions;
  /** Not handed on, for the application wanted no more. */
  #rest: Buffer | undefined;

  constructor(options: OnReadOptions) {
    this.#options = options;
  }

  /** As `node:net` decides whether there is such an option. */
  static of(option: unknown): UserBuffer | undefined {
    if (typeof option !== 'object' || option === null) return undefined;
    const { buffer, callback } = option as Partial<OnReadOptions>;
    const hasBuffer = buffer instanceof Uint8Array || typeof buffer === 'function';
    return hasBuffer && typeof callback === 'function' ? new UserBuffer(option as OnReadOptions) : undefined;
  }

  /** Hands all on, piece by piece. False when the application wants no more for now; the rest waits. */
  deliver(chunk: Buffer): boolean {
    for (let from = 0; from < chunk.length; ) {
      const { buffer } = this.#options;
      const target = typeof buffer === 'function' ? buffer() : buffer;
      const bytes = Math.min(target.length, chunk.length - from);
      target.set(chunk.subarray(from, from + bytes));
      from += bytes;
      if (this.#options.callback(bytes, target)) continue;
      if (from < chunk.length) this.#rest = chunk.subarray(from);
      return false;
    }
    return true;
  }

  /** What waits is handed on first. False when the application wants no more again. */
  resume(): boolean {
    const rest = this.#rest;
    this.#rest = undefined;
    return rest === undefined || this.deliver(rest);
  }
}
