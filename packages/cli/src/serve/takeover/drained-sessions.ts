import type { HandOver, HandOverOptions } from '@kwik/session';
import { KwikError } from '@kwik/wire';
import { pause } from '../../abortable.js';
import type { ServeLog } from '../serve-log.js';

/** Sessions that come meanwhile, by clients that have not heard of the drain, are asked with the next round. */
const ROUND_MS = 60_000;
/** Of two servers that drain, each the standby of the other, sessions go to and fro no more often than this. */
const BETWEEN_ROUNDS_MS = 30_000;

export interface DrainedSessionsOptions {
  /** Of a listener. */
  readonly handOver: (options: HandOverOptions) => Promise<HandOver>;
  readonly log: Pick<ServeLog, 'handedOver' | 'notHandedOver'>;
}

/** While an operator has the server drain, its sessions go on at its standby; the server stays. */
export class DrainedSessions {
  readonly #options: DrainedSessionsOptions;
  #until = new AbortController();
  #isDraining = false;
  #rounds = Promise.resolve();

  constructor(options: DrainedSessionsOptions) {
    this.#options = options;
  }

  set(isDraining: boolean): void {
    if (isDraining === this.#isDraining) return;
    this.#isDraining = isDraining;
    this.#until.abort();
    if (!isDraining) return;
    const until = new AbortController();
    this.#until = until;
    this.#rounds = this.#rounds.then(() => this.#hand(until.signal));
  }

  /** Never rejects. */
  async #hand(signal: AbortSignal): Promise<void> {
    const { handOver, log } = this.#options;
    try {
      while (!signal.aborted) {
        const { gone, left } = await handOver({ timeoutMs: ROUND_MS, signal });
        if (gone > 0) log.handedOver(gone, left);
        await pause(BETWEEN_ROUNDS_MS, signal);
      }
    } catch (error) {
      // The listener is closed, which hands sessions over by itself; or nobody drains it any more.
      if (!signal.aborted && KwikError.from(error).code !== 'ERR_KWIK_INVALID_STATE') log.notHandedOver(error);
    }
  }
}
