import type { DatagramFrame, Frame } from '../gen/kwik/v1/data.js';
import { check62, invalidFrame } from './frame-rules.js';

/** What a datagram of the application may have at the most; about what the largest packet of a path carries. */
export const MAX_DATAGRAM_BYTES = 16 * 1024;

export interface DatagramFrameOptions {
  /** Held, not copied. */
  readonly data: Uint8Array;
  /** Of all datagrams of the sender in the session; the same for copies on several paths. */
  readonly sequence: bigint;
}

/** Bytes that are sent once, and forgotten. */
export function datagramFrame({ data, sequence }: DatagramFrameOptions): Frame {
  return { body: { $case: 'datagram', value: { data, sequence } } };
}

export function checkDatagramFrame({ data, sequence }: DatagramFrame): void {
  check62(sequence, 'sequence');
  if (data.length > MAX_DATAGRAM_BYTES) {
    throw invalidFrame(`a datagram of ${data.length} bytes; the most is ${MAX_DATAGRAM_BYTES}`);
  }
}
