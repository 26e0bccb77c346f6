import { CONNECTION_ID_BYTES } from './connection-id.js';

const CHECK_AT = CONNECTION_ID_BYTES - 2;

/**
 * Connection ids that carry the number of a worker process, as those of QUIC-LB (draft-ietf-quic-load-balancers) carry that of
 * a server: the number, five random bytes, and two bytes of a sum over both, which tell such an id from one that somebody chose
 * at random (but for one in 65,536). Nothing in it is a secret: whoever makes one up reaches a worker that does not know it.
 *
 * `id`: 8 random bytes, which are changed.
 */
export function markWorker(id: Uint8Array, worker: number): Uint8Array {
  id[0] = worker;
  const check = checkOf(id, 0);
  id[CHECK_AT] = check >> 8;
  id[CHECK_AT + 1] = check & 0xff;
  return id;
}

/** The worker of the id that begins at `offset`; undefined when it carries none. */
export function workerOf(bytes: Uint8Array, offset: number): number | undefined {
  if (bytes.length < offset + CONNECTION_ID_BYTES) return undefined;
  const check = checkOf(bytes, offset);
  if (bytes[offset + CHECK_AT] !== check >> 8 || bytes[offset + CHECK_AT + 1] !== (check & 0xff)) return undefined;
  return bytes[offset];
}

/** FNV-1a, folded to 16 bits. */
function checkOf(bytes: Uint8Array, offset: number): number {
  let sum = 0x811c9dc5;
  for (let i = offset; i < offset + CHECK_AT; i += 1) sum = Math.imul(sum ^ (bytes[i] ?? 0), 0x01000193) >>> 0;
  return (sum >>> 16) ^ (sum & 0xffff);
}
