import { encodeVarint } from './varint.js';

const REMEMBERED = 6000;
const KEPT = 4500;
/** An ACK names one range, from the largest number down to the first gap. */
const MAX_RANGE = 4000n;

/** The numbers of one level: those sent, and those received, which it acknowledges. */
export class PacketNumbers {
  readonly #received = new Set<bigint>();
  #next = 0n;
  #due = false;
  largest = -1n;

  next(): bigint {
    return this.#next++;
  }

  received(number: bigint, elicits: boolean): void {
    if (number > this.largest) this.largest = number;
    this.#received.add(number);
    this.#due ||= elicits;
    if (this.#received.size <= REMEMBERED) return;
    for (const old of this.#received) {
      this.#received.delete(old);
      if (this.#received.size <= KEPT) break;
    }
  }

  /** Whether an acknowledgement is due; it counts as sent. */
  takeDue(): boolean {
    const due = this.#due;
    this.#due = false;
    return due;
  }

  ackFrame(): Buffer {
    if (this.largest < 0n) return Buffer.alloc(0);
    let length = 0n;
    while (this.#received.has(this.largest - length - 1n) && length < MAX_RANGE) length++;
    return Buffer.concat([Buffer.from([0x02]), encodeVarint(this.largest), Buffer.from([0, 0]), encodeVarint(length)]);
  }
}
