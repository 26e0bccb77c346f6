import type { ReplicaSource } from '@kwik/session';

const FILM_BYTES = 64_000_000;
const bytes = new Uint8Array(FILM_BYTES).map((_, index) => index * 31 + (index >> 8));

export const FILM: ReplicaSource = {
  size: BigInt(FILM_BYTES),
  read: async (offset, length) => bytes.subarray(Number(offset), Number(offset) + length),
};

/** The key that a server with `AUTH=psk` and its clients share. */
export const PSK = new Uint8Array(32).fill(7);
