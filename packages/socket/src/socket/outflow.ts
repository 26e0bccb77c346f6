import type { EventEmitter } from 'node:events';
import { nextTick } from 'node:process';
import type { Writable } from 'node:stream';
import type { Carrier } from '../carrier/carrier.js';
import { nodeError } from '../errors.js';
import { inNodesWords } from './in-nodes-words.js';

type Done = (error?: Error | null) => void;

/** What writes go to. */
export interface OutflowOwner extends EventEmitter {
  readonly connecting: boolean;
}

/** What a socket hands to its carrier; while it connects, that waits, and counts as written. */
export class Outflow {
  readonly #owner: OutflowOwner;
  #carrier: Carrier | undefined;
  #dispatchedBytes = 0;
  #waitingBytes = 0;

  constructor(owner: OutflowOwner) {
    this.#owner = owner;
  }

  get bytes(): number {
    return this.#dispatchedBytes + this.#waitingBytes;
  }

  attach(carrier: Carrier | undefined): void {
    this.#carrier = carrier;
  }

  /** For another connection. */
  renew(): void {
    this.#dispatchedBytes = 0;
  }

  /** One at a time: the stream calls again when `done` was called. */
  write(chunks: readonly Uint8Array[], done: Done): void {
    const bytes = bytesOf(chunks);
    if (this.#owner.connecting) {
      this.#writeOnceConnected(chunks, bytes, done);
      return;
    }
    if (this.#carrier === undefined) {
      done(nodeError(Error, 'ERR_SOCKET_CLOSED', 'Socket is closed'));
      return;
    }
    this.#dispatchedBytes += bytes;
    // Not from inside of a promise: what the application throws is an uncaught exception, as it is with node:net.
    this.#carrier.write(chunks).then(
      () => nextTick(done),
      (error: unknown) => nextTick(done, inNodesWords(error, 'write')),
    );
  }

  #writeOnceConnected(chunks: readonly Uint8Array[], bytes: number, done: Done): void {
    this.#waitingBytes = bytes;
    const over = (): void => {
      this.#waitingBytes = 0;
      this.#owner.off('connect', onConnect).off('close', onClose);
    };
    const onConnect = (): void => {
      over();
      this.write(chunks, done);
    };
    const onClose = (): void => {
      over();
      const text = 'Socket closed before the connection was established';
      done(nodeError(Error, 'ERR_SOCKET_CLOSED_BEFORE_CONNECTION', text));
    };
    this.#owner.on('connect', onConnect).on('close', onClose);
  }
}

/** As streams hand over what was written. */
export interface Chunk {
  readonly chunk: Uint8Array | string;
  readonly encoding: BufferEncoding | 'buffer';
}

/** Text is left as it is in a stream that a `net.Socket` was before it became one of KWIK. */
export function toBytes({ chunk, encoding }: Chunk): Uint8Array {
  return typeof chunk === 'string' ? Buffer.from(chunk, encoding === 'buffer' ? 'utf8' : encoding) : chunk;
}

/** In the stream's own buffer. Node's types do not have it. */
export function bytesWaitingIn(stream: Writable): number {
  const { writableBuffer } = stream as unknown as { writableBuffer?: readonly Chunk[] };
  return bytesOf((writableBuffer ?? []).map(toBytes));
}

function bytesOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0);
}
