import type { Socket } from 'node:net';
import { KwikError } from '@kwik/wire';

/** Who connects has so long to say where to. */
const GREETING_TIMEOUT_MS = 10_000;
const MAX_HEAD_BYTES = 8192;

/** Reads what a client says at first, and gives back what came behind it. */
export class HeadReader {
  readonly #socket: Socket;
  readonly #late = AbortSignal.timeout(GREETING_TIMEOUT_MS);
  #bytes = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Exactly so many bytes. Rejects when the client ends before, or takes too long. */
  async take(bytes: number): Promise<Buffer> {
    while (this.#bytes.length < bytes) await this.#more();
    const taken = this.#bytes.subarray(0, bytes);
    this.#bytes = this.#bytes.subarray(bytes);
    return taken;
  }

  /** All until `mark`, without it. */
  async takeUntil(mark: string): Promise<Buffer> {
    for (;;) {
      const at = this.#bytes.indexOf(mark);
      if (at >= 0) {
        const taken = this.#bytes.subarray(0, at);
        this.#bytes = this.#bytes.subarray(at + mark.length);
        return taken;
      }
      await this.#more();
    }
  }

  /** What was read too far is read again by who comes next. */
  done(): void {
    if (this.#bytes.length > 0) this.#socket.unshift(this.#bytes);
  }

  async #more(): Promise<void> {
    if (this.#bytes.length > MAX_HEAD_BYTES) {
      throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', 'a client says more than where it wants to be connected to');
    }
    const chunk = await this.#chunk();
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
  }

  #chunk(): Promise<Buffer> {
    const socket = this.#socket;
    const now = socket.read() as Buffer | null;
    if (now !== null) return Promise.resolve(now);
    return new Promise((resolve, reject) => {
      const over = (): void => {
        socket.off('readable', onReadable).off('end', onOver).off('close', onOver);
        this.#late.removeEventListener('abort', onOver);
      };
      const onReadable = (): void => {
        const chunk = socket.read() as Buffer | null;
        if (chunk === null) return;
        over();
        resolve(chunk);
      };
      const onOver = (): void => {
        over();
        reject(new KwikError('ERR_KWIK_ABORTED', 'a client did not say where it wants to be connected to'));
      };
      socket.on('readable', onReadable).on('end', onOver).on('close', onOver);
      this.#late.addEventListener('abort', onOver, { once: true });
      if (this.#late.aborted || socket.destroyed || socket.readableEnded) onOver();
    });
  }
}
