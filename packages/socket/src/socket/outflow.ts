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
  /** What waits for the connection and was not taken for its request. */
  #waiting: readonly Uint8Array[] = [];

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

  /** A copy of the first bytes that wait for the connection, `most` or fewer, which are sent by whoever takes them. */
  takeWaiting(most: number): Uint8Array {
    const taken: Uint8Array[] = [];
    const left: Uint8Array[] = [];
    let room = most;
    for (const chunk of this.#waiting) {
      taken.push(chunk.subarray(0, room));
      left.push(chunk.subarray(room));
      room = Math.max(0, room - chunk.length);
    }
    this.#waiting = left;
    return Buffer.concat(taken);
  }

  /** One at a time: the stream calls again when `done` was called. */
  write(chunks: readonly Uint8Array[], done: Done): void {
    const bytes = bytesOf(chunks);
    if (this.#owner.connecting) {
      this.#writeOnceConnected(chunks, bytes, done);
    } else {
      this.#dispatch(chunks, bytes, done);
    }
  }

  /** `bytes`: of the write, which `chunks` are what is left of. */
  #dispatch(chunks: readonly Uint8Array[], bytes: number, done: Done): void {
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
    this.#waiting = chunks;
    const over = (): readonly Uint8Array[] => {
      const left = this.#waiting;
      this.#waiting = [];
      this.#waitingBytes = 0;
      this.#owner.off('connect', onConnect).off('close', onClose);
      return left;
    };
    const onConnect = (): void => {
      this.#dispatch(over(), bytes, done);
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
