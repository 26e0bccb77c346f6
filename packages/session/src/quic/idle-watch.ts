import { KwikError, type TimerHandle } from '@kwik/wire';
import type { SessionEngine } from '../runtime/session/engine.js';

export interface IdleOptions {
  /** The session ends when nothing has come for so long; 0: never. Milliseconds. */
  readonly maxIdleMs: number;
  /** The peer is asked for something so often, which keeps both ends from being idle. */
  readonly keepAliveMs: number | undefined;
}

/**
 * `maxIdleTimeout` and `keepAliveIntervalTime`, as QUIC has them. KWIK itself keeps the paths of an idle session alive,
 * beneath the packets that are counted here.
 */
export class IdleWatch {
  readonly #engine: SessionEngine;
  readonly #options: IdleOptions;
  /** When a packet last came, on whatever path, or the session began. */
  #lastMs: number;
  #idle: TimerHandle | undefined;
  #keepAlive: TimerHandle | undefined;

  constructor(engine: SessionEngine, options: IdleOptions) {
    this.#engine = engine;
    this.#options = options;
    this.#lastMs = engine.clock.now();
    if (options.maxIdleMs > 0) this.#watch();
    if (options.keepAliveMs !== undefined) this.#ask(options.keepAliveMs);
    void engine.closed.then(() => {
      this.#idle?.cancel();
      this.#keepAlive?.cancel();
    });
  }

  #watch(): void {
    const { maxIdleMs } = this.#options;
    const { clock, paths } = this.#engine;
    const heardMs = [...paths.values()].map(({ data }) => data.lastPacketMs);
    this.#lastMs = Math.max(this.#lastMs, ...heardMs);
    const leftMs = this.#lastMs + maxIdleMs - clock.now();
    if (leftMs > 0) {
      this.#idle = clock.schedule(leftMs, () => this.#watch());
      return;
    }
    // The peer is told, so that both ends go at once, as QUIC has it by agreeing on the smaller time of both.
    this.#engine.fail(new KwikError('ERR_KWIK_IDLE_TIMEOUT', `nothing came for ${maxIdleMs} ms (maxIdleTimeout)`));
  }

  #ask(everyMs: number): void {
    this.#keepAlive = this.#engine.clock.schedule(everyMs, () => {
      this.#engine.controlPath?.ask();
      this.#ask(everyMs);
    });
  }
}
