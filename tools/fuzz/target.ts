/** Something of KWIK that takes what a peer, a file or a person gave. */
export interface FuzzTarget {
  readonly name: string;
  /** How its inputs are built: what mutations keep whole. */
  readonly shape: InputShape;
  /** Inputs that mean something; the same in every run. */
  seeds(): Uint8Array[];
  /** Makes good again what would keep a mutated input from getting any further: checksums, signatures. */
  repair?(input: Uint8Array): Uint8Array;
  /**
   * Feeds one input. Returns what came of it in a few words, by which inputs are told apart. A KwikError is an outcome,
   * too; anything else that is thrown is a finding, and so is a BrokenRule.
   */
  run(input: Uint8Array): string | Promise<string>;
}

/**
 * `message`: one protobuf message. `stream`: messages, each behind its length. `blocks`: parts, each behind its length in
 * two bytes. `bytes`: whatever else.
 */
export type InputShape = 'message' | 'stream' | 'blocks' | 'bytes';

/** What a target throws when the decoder did not throw but did something that it must never do. */
class BrokenRule extends Error {
  override readonly name = 'BrokenRule';
}

/** Throws BrokenRule unless `held`. */
export function rule(held: boolean, what: string): void {
  if (!held) throw new BrokenRule(what);
}
