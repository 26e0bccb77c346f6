import { createHash } from 'node:crypto';

/** Bytes that look random and are the same in every run of a seed. */
export function seededRandom(seed: string): (bytes: number) => Uint8Array {
  let counter = 0;
  return (bytes) => {
    const pieces: Buffer[] = [];
    for (let made = 0; made < bytes; made += 32) {
      pieces.push(createHash('sha256').update(`${seed}/${counter++}`).digest());
    }
    return new Uint8Array(Buffer.concat(pieces).subarray(0, bytes));
  };
}
