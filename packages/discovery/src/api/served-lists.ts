import type { ServerResponse } from 'node:http';
import type { Clock } from '@kwik/wire';
import { writeServer } from '../sources/server-list-shape.js';
import type { ServerStore } from './announced-servers.js';

/** So much of one list waits for one reader. */
const PIECE_BYTES = 64 * 1024;
/** All readers of one version read the same bytes; of services that are asked for less, they are made again. */
const MAX_KEPT_BYTES = 64 * 1024 * 1024;
/** Whoever may read may ask for services that nobody has heard of. */
const MAX_KEPT_LISTS = 256;
/** Whoever takes no byte for so long is let go. */
const STALLED_MS = 20_000;

interface KeptList {
  readonly version: number;
  readonly bytes: Buffer;
}

/** The lists of a store as JSON, made once for each version of a service, however many read it and however slowly. */
export class ServedLists {
  readonly #store: ServerStore;
  readonly #clock: Clock;
  readonly #kept = new Map<string, KeptList>();
  #keptBytes = 0;

  constructor(store: ServerStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Resolves when the response has ended, or its reader has gone or stalled. */
  async send(service: string, response: ServerResponse): Promise<void> {
    const bytes = this.#bytesOf(service);
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': bytes.length });
    for (let at = 0; at < bytes.length && !response.destroyed; at += PIECE_BYTES) {
      if (!response.write(bytes.subarray(at, at + PIECE_BYTES))) await this.#drained(response);
    }
    response.end();
  }

  #bytesOf(service: string): Buffer {
    const version = this.#store.version(service);
    const kept = this.#kept.get(service);
    this.#forget(service);
    const list = kept?.version === version ? kept : { version, bytes: this.#made(service) };
    if (list.bytes.length > MAX_KEPT_BYTES) return list.bytes;
    this.#kept.set(service, list);
    this.#keptBytes += list.bytes.length;
    while (this.#keptBytes > MAX_KEPT_BYTES || this.#kept.size > MAX_KEPT_LISTS) {
      const [oldest = service] = this.#kept.keys();
      this.#forget(oldest);
    }
    return list.bytes;
  }

  #made(service: string): Buffer {
    const servers = this.#store.list(service).map(({ record, ttlMs }) => writeServer(record, ttlMs));
    return Buffer.from(`{"servers":[${servers.join(',')}]}`);
  }

  #forget(service: string): void {
    this.#keptBytes -= this.#kept.get(service)?.bytes.length ?? 0;
    this.#kept.delete(service);
  }

  #drained(response: ServerResponse): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.schedule(STALLED_MS, () => response.destroy());
      const end = (): void => {
        timer.cancel();
        response.off('drain', end).off('close', end);
        resolve();
      };
      response.on('drain', end).on('close', end);
    });
  }
}
