import { KwikError } from '@kwik/wire';
import { CONNECTION_ID_BYTES } from '../packets/connection-id.js';
import { markWorker } from '../packets/worker-mark.js';

/** Where the source of randomness comes from; `node:crypto.randomBytes` fits. */
export type RandomBytes = (length: number) => Uint8Array;

interface Entry<T> {
  readonly id: Uint8Array;
  readonly value: T;
}

/**
 * Finds the connection of a datagram by its destination connection id. The first 31 bits of the endpoint's own ids are
 * kept unique, so that a lookup is one small-integer map access and one comparison, with no string made per packet.
 */
export class Demultiplexer<T> {
  private readonly byPrefix = new Map<number, Entry<T>>();
  /** Ids that clients chose for their first packets, by `initialKey`. */
  private readonly byInitial = new Map<string, T>();

  /** `random` is needed for `newId` alone. */
  constructor(
    private readonly random: RandomBytes = noRandomness,
    private readonly worker?: number,
  ) {}

  get size(): number {
    return this.byPrefix.size;
  }

  /** A new id that no connection has; it carries the number of a worker where one is given. */
  newId(worker = this.worker): Uint8Array {
    for (;;) {
      const id = Uint8Array.from(this.random(CONNECTION_ID_BYTES));
      if (worker !== undefined) markWorker(id, worker);
      if (!this.byPrefix.has(prefix(id, 0))) return id;
    }
  }

  /** False when the id, or one that looks like it, is taken. */
  add(id: Uint8Array, value: T): boolean {
    if (id.length !== CONNECTION_ID_BYTES || this.byPrefix.has(prefix(id, 0))) return false;
    this.byPrefix.set(prefix(id, 0), { id, value });
    return true;
  }

  remove(id: Uint8Array): void {
    if (this.find(id, 0) !== undefined) this.byPrefix.delete(prefix(id, 0));
  }

  /** Looks for the id that begins at `offset` of `bytes`. */
  find(bytes: Uint8Array, offset: number): T | undefined {
    if (bytes.length < offset + CONNECTION_ID_BYTES) return undefined;
    const entry = this.byPrefix.get(prefix(bytes, offset));
    if (entry === undefined) return undefined;
    for (let i = 4; i < CONNECTION_ID_BYTES; i += 1) {
      if (bytes[offset + i] !== entry.id[i]) return undefined;
    }
    // The prefix drops one bit of the first four bytes.
    return bytes[offset] === entry.id[0] ? entry.value : undefined;
  }

  addInitial(key: string, value: T): void {
    this.byInitial.set(key, value);
  }

  findInitial(key: string): T | undefined {
    return this.byInitial.get(key);
  }

  removeInitial(key: string): void {
    this.byInitial.delete(key);
  }
}

/** Key of a client's first packets: the id it chose, and where it sends from (ids are theirs to choose, so may clash). */
export function initialKey(destinationId: Uint8Array, address: string, port: number): string {
  return `${Buffer.from(destinationId).toString('latin1')}|${address}|${port}`;
}

function noRandomness(): never {
  throw new KwikError('ERR_KWIK_INTERNAL', 'this demultiplexer makes no ids');
}

function prefix(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] ?? 0) & 0x7f) << 24;
  return high | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
}
