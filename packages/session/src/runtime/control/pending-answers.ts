import { errorFromDetail, type ControlEvent, type KcpBody } from '@kwik/kcp';
import { KwikError } from '@kwik/wire';

interface Waiting {
  resolve(body: KcpBody): void;
  reject(error: KwikError): void;
}

/** Requests of one path that wait for their answer. The control channel bounds their number and their time. */
export class PendingAnswers {
  readonly #waiting = new Map<bigint, Waiting>();
  readonly #peer: string;

  /** `peer`: its address, for messages. */
  constructor(peer: string) {
    this.#peer = peer;
  }

  /** The answer to the request; rejects with the peer's error, at the deadline, or when the path dies. */
  to(requestId: bigint): Promise<KcpBody> {
    return new Promise((resolve, reject) => this.#waiting.set(requestId, { resolve, reject }));
  }

  handle(event: Exclude<ControlEvent, { readonly kind: 'message' }>): void {
    const waiting = this.#waiting.get(event.requestId);
    if (waiting === undefined) return;
    this.#waiting.delete(event.requestId);
    if (event.kind === 'timeout') {
      waiting.reject(new KwikError('ERR_KWIK_TIMEOUT', `no answer to ${event.request} from ${this.#peer} in time`));
    } else if (event.body.$case === 'error') {
      waiting.reject(errorFromDetail(event.body.value));
    } else if (event.body.$case === 'pathDead') {
      const { pathId, reason } = event.body.value;
      waiting.reject(new KwikError('ERR_KWIK_PATH_DEAD', `path ${pathId} is dead: ${reason}`));
    } else {
      waiting.resolve(event.body);
    }
  }

  /** No answer will come any more. */
  failAll(error: KwikError): void {
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }
}
