import type { proto } from '@kwik/wire';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';

/** A range that a path asked for before the source was found. */
export interface WaitingRequest extends Pick<proto.RangeRequest, 'requestId' | 'offset' | 'length'> {
  readonly path: Pick<PathRuntime, 'id' | 'alive' | 'send'>;
}

/** Requests of one content that wait for its source. To cancel one costs the same however many wait. */
export class WaitingRequests {
  /** Honest clients give each request its own id. */
  readonly #byId = new Map<string, WaitingRequest[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(asked: WaitingRequest): void {
    const key = keyOf(asked.path, asked.requestId);
    const same = this.#byId.get(key);
    if (same === undefined) this.#byId.set(key, [asked]);
    else same.push(asked);
    this.#size++;
  }

  /** Those of the path, and those of one that had its number before, which are wanted by nobody. */
  cancel(path: WaitingRequest['path'], requestIds: readonly bigint[]): void {
    for (const requestId of requestIds) {
      const key = keyOf(path, requestId);
      this.#size -= this.#byId.get(key)?.length ?? 0;
      this.#byId.delete(key);
    }
  }

  /** All of them, which wait no longer. */
  takeAll(): WaitingRequest[] {
    const all = [...this.#byId.values()].flat();
    this.#byId.clear();
    this.#size = 0;
    return all;
  }
}

function keyOf({ id }: WaitingRequest['path'], requestId: bigint): string {
  return `${id} ${requestId}`;
}
