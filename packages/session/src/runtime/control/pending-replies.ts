import { errorFromDetail, type ControlEvent, type KcpBody } from '@kwik/kcp';
import { KwikError } from '@kwik/wire';
import type { PathRuntime } from '../paths/path-runtime.js';

interface Pending {
  readonly path: PathRuntime;
  resolve(body: KcpBody): void;
  reject(error: KwikError): void;
}

/** Requests of this end that wait for their answer. The control channel bounds their number and time. */
export class PendingReplies {
  readonly #pending = new Map<string, Pending>();

  /** Sends a request; resolves with the answer, rejects with the peer's error, at the deadline, or when the path dies. */
  request(path: PathRuntime, body: KcpBody, timeoutMs: number): Promise<KcpBody> {
    return new Promise((resolve, reject) => {
      const id = path.request(body, timeoutMs);
      this.#pending.set(key(path, id), { path, resolve, reject });
    });
  }

  /** True when the event was an answer (or its absence) to a request. */
  handle(path: PathRuntime, event: ControlEvent): boolean {
    if (event.kind === 'message') return false;
    const pending = this.#pending.get(key(path, event.requestId));
    if (pending === undefined) return true;
    this.#pending.delete(key(path, event.requestId));
    if (event.kind === 'timeout') {
      pending.reject(new KwikError('ERR_KWIK_TIMEOUT', `no answer to ${event.request} from ${path.address} in time`));
    } else if (event.body.$case === 'error') {
      pending.reject(errorFromDetail(event.body.value));
    } else if (event.body.$case === 'pathDead') {
      const { pathId, reason } = event.body.value;
      pending.reject(new KwikError('ERR_KWIK_PATH_DEAD', `path ${pathId} is dead: ${reason}`));
    } else {
      pending.resolve(event.body);
    }
    return true;
  }

  failAll(path: PathRuntime | undefined, error: KwikError): void {
    for (const [id, pending] of this.#pending) {
      if (path !== undefined && pending.path !== path) continue;
      this.#pending.delete(id);
      pending.reject(error);
    }
  }
}

function key(path: PathRuntime, id: bigint): string {
  return `${path.id}/${id}`;
}
