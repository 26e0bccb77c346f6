import type { Clock } from '@kwik/wire';
import { DialGate } from './dial-gate.js';

/** The gates of a process: one for each network, for what was learned of one says nothing of another. */
export class DialGates {
  readonly #gates = new WeakMap<object, DialGate>();

  /** `network`: what the dials go out over. Who asks first says the clock, and 0 <= random() < 1. */
  of(network: object, clock: Clock, random: () => number): DialGate {
    const known = this.#gates.get(network);
    if (known !== undefined) return known;
    const gate = new DialGate(clock, random);
    this.#gates.set(network, gate);
    return gate;
  }
}
