/** What a simulation draws from. Two sources of the same seed give the same numbers for ever. */
export interface RandomSource {
  /** 0 to 2^32-1, uniform. */
  uint32(): number;
  /** 0 (included) to 1 (excluded), uniform, 32 bits fine. */
  float(): number;
  /** A whole number from 0 to `limit` - 1, uniform. `limit` is from 1 to 2^32. */
  below(limit: number): number;
  /** True with probability `rate`; always draws one number, so that a rate of 0 does not shift what follows. */
  chance(rate: number): boolean;
  /** Standard normal: mean 0, deviation 1. */
  normal(): number;
  bytes(length: number): Uint8Array;
  /** A source of its own, which depends on this one's seed and `label` only, not on what was drawn before. */
  fork(label: string): RandomSource;
}

/** Rounds that the author of sfc32 prescribes before the first output, so that close seeds do not show. */
const WARM_UP_ROUNDS = 12;
const TWO_POW_32 = 2 ** 32;

/**
 * sfc32 ("small fast counting", Chris Doty-Humphrey, PractRand; public domain): 128 bits of state, a period of at least
 * 2^32, passes PractRand and BigCrush. Seeded through splitmix32 (Steele, Lea, Flood, "Fast splittable pseudorandom
 * number generators", OOPSLA 2014). Not for secrets.
 */
export class SeededRandom implements RandomSource {
  readonly seed: number;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** `seed`: any finite number; its lower 53 bits count. */
  constructor(seed: number) {
    this.seed = Math.abs(Math.trunc(Number.isFinite(seed) ? seed : 0));
    const low = splitmix32(this.seed >>> 0);
    const high = splitmix32(Math.floor(this.seed / TWO_POW_32) >>> 0);
    this.#a = low();
    this.#b = high();
    this.#c = low() ^ high();
    for (let round = 0; round < WARM_UP_ROUNDS; round++) this.uint32();
  }

  uint32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  float(): number {
    return this.uint32() / TWO_POW_32;
  }

  below(limit: number): number {
    return Math.floor(this.float() * limit);
  }

  chance(rate: number): boolean {
    return this.float() < rate;
  }

  /** Box and Muller (1958); the second value of the pair is not kept, so that each call draws exactly two numbers. */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.float()));
    return radius * Math.cos(2 * Math.PI * this.float());
  }

  bytes(length: number): Uint8Array {
    const out = new Uint8Array(length);
    let word = 0;
    for (let i = 0; i < length; i++) {
      word = i % 4 === 0 ? this.uint32() : word >>> 8;
      out[i] = word & 0xff;
    }
    return out;
  }

  fork(label: string): SeededRandom {
    return new SeededRandom((fnv1a(label) ^ (this.seed >>> 0)) * 0x10_0000 + Math.floor(this.seed / TWO_POW_32));
  }
}

function splitmix32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e37_79b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0_aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a_2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
}

/** FNV-1a, 32 bits (Fowler, Noll, Vo): enough to keep labels apart. */
function fnv1a(text: string): number {
  let hash = 0x811c_9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193);
  return hash >>> 0;
}
