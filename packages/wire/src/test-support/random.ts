/** Numbers that are the same in every run: mulberry32. */
export class TestRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to `bound - 1`. */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}

/** `original` with one to four changes: a bit flipped, a byte set, cut, doubled, dropped or put in, a length blown up. */
export function mutate(original: Uint8Array, random: TestRandom): Uint8Array {
  let bytes = [...original];
  for (let changes = 1 + random.below(4); changes > 0; changes--) {
    const change = CHANGES[random.below(CHANGES.length)]!;
    bytes = bytes.length === 0 ? [random.below(256)] : change(bytes, random.below(bytes.length), random);
  }
  return Uint8Array.from(bytes);
}

const CHANGES: readonly ((bytes: number[], at: number, random: TestRandom) => number[])[] = [
  (bytes, at, random) => bytes.with(at, bytes[at]! ^ (1 << random.below(8))),
  (bytes, at, random) => bytes.with(at, random.below(256)),
  (bytes, at) => bytes.slice(0, at),
  (bytes, at) => bytes.slice(at),
  (bytes, at) => bytes.toSpliced(at, 1),
  (bytes, at, random) => bytes.toSpliced(at, 0, random.below(256)),
  (bytes, at) => bytes.toSpliced(at, 0, 0xff, 0xff, 0xff, 0xff, 0x0f),
  (bytes, at) => bytes.toSpliced(at, 0, ...Array<number>(10).fill(0xff)),
  (bytes, at, random) => bytes.toSpliced(at, 0, ...bytes.slice(at, at + 1 + random.below(16))),
];
