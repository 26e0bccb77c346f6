import { SeededRandom } from './seeded-random.js';

/**
 * Stands in for `randomBytes` of node:crypto where a test must be repeatable: the same seed gives the same bytes, call
 * by call. Anybody can foretell them.
 */
export function deterministicRandomBytes(seed: number): (size: number) => Uint8Array {
  const random = new SeededRandom(seed);
  return (size) => random.bytes(size);
}
