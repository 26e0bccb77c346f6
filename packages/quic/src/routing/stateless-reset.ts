import { createHmac } from 'node:crypto';

export const RESET_TOKEN_BYTES = 16;
/** RFC 9000, section 10.3: a reset must look like a short packet that could be real. */
const MIN_RESET_BYTES = 38;
/** Shorter packets get no answer: it could not be smaller than they are (RFC 9000, section 10.3.3). */
const MIN_TRIGGER_BYTES = MIN_RESET_BYTES + 1;

/** Tokens and packets by which an endpoint says that it does not know a connection. Pure but for the key. */
export class StatelessReset {
  constructor(
    private readonly key: Uint8Array,
    private readonly random: (length: number) => Uint8Array,
  ) {}

  token(connectionId: Uint8Array): Uint8Array {
    return createHmac('sha256', this.key).update(connectionId).digest().subarray(0, RESET_TOKEN_BYTES);
  }

  /** The answer to a short-header packet for `connectionId`, or nothing when it was too short to answer. */
  packetFor(connectionId: Uint8Array, triggerBytes: number): Uint8Array | undefined {
    if (triggerBytes < MIN_TRIGGER_BYTES) return undefined;
    // Always smaller than the trigger, so that two endpoints cannot answer each other for ever.
    const packet = Uint8Array.from(this.random(Math.min(MIN_RESET_BYTES + 4, triggerBytes - 1)));
    packet[0] = ((packet[0] ?? 0) & 0x3f) | 0x40;
    packet.set(this.token(connectionId), packet.length - RESET_TOKEN_BYTES);
    return packet;
  }
}
