import { CONNECTION_ID_BYTES } from '../packets/connection-id.js';

/** RFC 9001, section 5.3: every cipher of QUIC version 1 has a tag of so many bytes. */
const TAG_BYTES = 16;
/** RFC 9001, section 5.4.2: shorter packets have no sample to remove header protection with. */
const MIN_SHORT_PACKET_BYTES = 1 + CONNECTION_ID_BYTES + 4 + TAG_BYTES;
/** quiche remembers as many packet numbers, and takes older ones for repetitions. */
const WINDOW_PACKETS = 128;
/** Beyond it numbers of JavaScript are not exact; every packet then counts as new. */
const MAX_EXACT = 2 ** 52;

/**
 * Tells of each 1-RTT packet that quiche was given whether quiche took it. `recv()` does not say so, and asking for its
 * count of packets costs as much as sending one. But it decrypts in place: afterwards the buffer holds the frames, or
 * zeros when the packet was not authentic (BoringSSL clears what it could not verify). What is left to know is whether
 * the packet came before, which quiche decides by its number.
 */
export class OpenedPackets {
  /** Where the frames of the last packet that was taken begin. */
  framesFrom = -1;
  framesTo = 0;
  private largest = 0;
  private upper = WINDOW_PACKETS - 1;
  private readonly seen = new Uint32Array(WINDOW_PACKETS / 32);

  /** The packet was none of 1-RTT, or quiche has not opened it. */
  forget(): void {
    this.framesFrom = -1;
  }

  /** `packet`: as quiche left it. */
  take(packet: Uint8Array): boolean {
    this.framesFrom = -1;
    if (packet.length < MIN_SHORT_PACKET_BYTES) return false;
    const numberBytes = ((packet[0] ?? 0) & 3) + 1;
    const from = 1 + CONNECTION_ID_BYTES + numberBytes;
    if (isCleared(packet, from) || !this.isNew(this.expand(packet, numberBytes))) return false;
    this.framesFrom = from;
    this.framesTo = packet.length - TAG_BYTES;
    return true;
  }

  /** RFC 9000, appendix A.3. */
  private expand(packet: Uint8Array, numberBytes: number): number {
    let truncated = 0;
    for (let i = 0; i < numberBytes; i += 1) truncated = truncated * 256 + (packet[1 + CONNECTION_ID_BYTES + i] ?? 0);
    const window = 2 ** (8 * numberBytes);
    const expected = this.largest + 1;
    const candidate = expected - (expected % window) + truncated;
    if (candidate + window / 2 <= expected) return candidate + window;
    return candidate > expected + window / 2 && candidate >= window ? candidate - window : candidate;
  }

  private isNew(number: number): boolean {
    if (number > MAX_EXACT) return true;
    if (number <= this.upper - WINDOW_PACKETS) return false;
    this.advanceTo(number);
    this.largest = Math.max(this.largest, number);
    const word = number % WINDOW_PACKETS >> 5;
    const bit = 1 << (number & 31);
    const known = this.seen[word] ?? 0;
    this.seen[word] = known | bit;
    return (known & bit) === 0;
  }

  private advanceTo(number: number): void {
    if (number - this.upper >= WINDOW_PACKETS) this.seen.fill(0);
    else {
      for (let next = this.upper + 1; next <= number; next += 1) {
        const word = next % WINDOW_PACKETS >> 5;
        this.seen[word] = (this.seen[word] ?? 0) & ~(1 << (next & 31));
      }
    }
    this.upper = Math.max(this.upper, number);
  }
}

/** The first byte of most packets answers: frames rarely begin with padding, which is zeros as well. */
function isCleared(packet: Uint8Array, from: number): boolean {
  for (let at = from; at < packet.length - TAG_BYTES; at += 1) if (packet[at] !== 0) return false;
  return true;
}
