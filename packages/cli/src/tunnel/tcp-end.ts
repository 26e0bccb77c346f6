import { connect, type Socket } from 'node:net';
import { KwikError } from '@kwik/wire';
import type { ByteEnd } from './splice.js';

/** A client that was told that it is not connected has read so within this time, and has closed. */
const LINGER_MS = 5000;

/** A TCP connection. It must have been made with `allowHalfOpen`, for each direction ends by itself. */
export class TcpEnd implements ByteEnd {
  readonly chunks: AsyncIterable<Uint8Array>;
  readonly #socket: Socket;
  readonly #gone = new AbortController();

  constructor(socket: Socket) {
    this.#socket = socket;
    this.chunks = socket.iterator({ destroyOnReturn: false });
    // Small writes are mostly what somebody waits for.
    socket.setNoDelay(true);
    // Who reads or writes hears of it by that.
    socket.on('error', () => undefined);
    if (socket.closed) this.#gone.abort();
    else socket.once('close', () => this.#gone.abort());
  }

  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  write(data: Uint8Array): Promise<void> {
    const socket = this.#socket;
    if (socket.destroyed) return Promise.reject(connectionLost());
    if (socket.write(data)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const over = (): void => {
        socket.off('drain', onDrain).off('close', onClose);
      };
      const onDrain = (): void => {
        over();
        resolve();
      };
      const onClose = (): void => {
        over();
        reject(connectionLost());
      };
      socket.on('drain', onDrain).on('close', onClose);
    });
  }

  end(): void {
    this.#socket.end();
  }

  abort(): void {
    this.#socket.resetAndDestroy();
  }

  /** What was written last still arrives; what comes is thrown away, and a client that does not end is closed in time. */
  dismiss(lingerMs = LINGER_MS): void {
    const socket = this.#socket;
    socket.end();
    socket.resume();
    const timer = setTimeout(() => socket.destroy(), lingerMs);
    timer.unref();
    socket.once('close', () => clearTimeout(timer));
  }
}

function connectionLost(): KwikError {
  return new KwikError('ERR_KWIK_ABORTED', 'the connection has ended');
}

/** A connection to `host` and `port`. Rejects with the error of the system, ETIMEDOUT after `timeoutMs`. */
export function connectTcp(
  { host, port }: { readonly host: string; readonly port: number },
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const socket = connect({ host, port, allowHalfOpen: true });
    const onAbort = (): void => {
      const late = new Error(`connect ETIMEDOUT ${host}:${port}`);
      socket.destroy(Object.assign(late, { code: signal.aborted ? 'ECANCELED' : 'ETIMEDOUT' }));
    };
    socket.once('error', (error) => {
      limit.removeEventListener('abort', onAbort);
      reject(error);
    });
    socket.once('connect', () => {
      limit.removeEventListener('abort', onAbort);
      resolve(socket);
    });
    if (limit.aborted) onAbort();
    else limit.addEventListener('abort', onAbort, { once: true });
  });
}
