import { createHash } from 'node:crypto';
import type { TransportAddress } from '@kwik/wire';
import { formatAddress } from './memory-address.js';

/** SHA-256 of the server's leaf, as QUIC has it; a server without certificates is told from others by its address. */
export function channelBinding(
  serverCertificates: readonly Uint8Array[],
  server: TransportAddress,
): Uint8Array<ArrayBuffer> {
  const shown = serverCertificates[0] ?? Buffer.from(`memory server ${formatAddress(server)}`);
  return new Uint8Array(createHash('sha256').update(shown).digest());
}
