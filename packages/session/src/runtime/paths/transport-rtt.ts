import type { RttView } from '@kwik/paths';
import type { TransportStats } from '@kwik/wire';

/** RTT as QUIC measures it, which has samples on idle paths too; KWIK's own until QUIC has one. */
export class TransportRtt {
  readonly #stats: () => TransportStats;
  readonly #own: () => RttView | undefined;

  constructor(stats: () => TransportStats, own: () => RttView | undefined) {
    this.#stats = stats;
    this.#own = own;
  }

  get smoothedMs(): number {
    return this.#stats().rttMs || (this.#own()?.smoothedMs ?? 0);
  }

  get rttVarMs(): number {
    return this.#stats().rttVarMs || (this.#own()?.rttVarMs ?? 0);
  }

  get minMs(): number {
    // QUIC tells of smoothed ones only, and the first is long: it holds the handshake's computations.
    const quic = this.#stats().minRttMs;
    const own = this.#own()?.minMs ?? 0;
    return own > 0 && quic > 0 ? Math.min(own, quic) : own || quic;
  }
}
