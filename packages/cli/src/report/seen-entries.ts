const FIRST_SLOTS = 1024;
/** Above it, slots that are free are long to find. */
const MAX_FULL = 0.5;
const NOTHING = 0n;

/**
 * Which entries of audit logs were counted, by the first 64 bits of their hashes: 16 to 32 bytes for each, a small part of what its
 * line takes. Of ten million entries two are taken for one by chance in three of a million cases.
 */
export class SeenEntries {
  #slots = new BigUint64Array(FIRST_SLOTS);
  #size = 0;

  /** False when it was there before. */
  add(hash: Uint8Array): boolean {
    const value = new DataView(hash.buffer, hash.byteOffset).getBigUint64(0) || 1n;
    if (!insert(this.#slots, value)) return false;
    this.#size++;
    if (this.#size > this.#slots.length * MAX_FULL) this.#grow();
    return true;
  }

  #grow(): void {
    const larger = new BigUint64Array(this.#slots.length * 2);
    for (const value of this.#slots) if (value !== NOTHING) insert(larger, value);
    this.#slots = larger;
  }
}

/** In the first free slot from its own on; `slots` are a power of two, and never all full. */
function insert(slots: BigUint64Array, value: bigint): boolean {
  const mask = slots.length - 1;
  for (let at = Number(value & BigInt(mask)); ; at = (at + 1) & mask) {
    if (slots[at] === value) return false;
    if (slots[at] !== NOTHING) continue;
    slots[at] = value;
    return true;
  }
}
