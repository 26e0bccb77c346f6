import { SeededRandom } from '@kwik/testbed';

const BLOCK_BYTES = 1 << 20;
/** Prime, so that two seeds seldom begin at the same place. */
const STEP = 7919;
const BLOCK = new SeededRandom(0x51e).bytes(BLOCK_BYTES);

/**
 * `size` bytes that belong to `seed`; they differ everywhere, so that a piece at a wrong offset or of another stream shows. A view of a
 * block that all share: never write to it.
 */
export function bytesOf(seed: number, size: number): Uint8Array {
  const start = (seed * STEP) % (BLOCK_BYTES >> 1);
  if (start + size > BLOCK_BYTES) throw new Error(`bytesOf gives up to ${BLOCK_BYTES >> 1} bytes, not ${size}`);
  return BLOCK.subarray(start, start + size);
}
