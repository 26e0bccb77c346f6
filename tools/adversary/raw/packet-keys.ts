import { createCipheriv, createDecipheriv, createHash, createHmac } from 'node:crypto';

/** RFC 9001, section 5.2. */
const INITIAL_SALT = Buffer.from('38762cf7f55934b34d179ae6a4c80cadccbb7f0a', 'hex');
const NOTHING = Buffer.alloc(0);
const HASH_BYTES = 32;
const TAG_BYTES = 16;

/** What protects one direction of one encryption level: AES-128-GCM, the only suite that the raw client offers. */
export interface PacketKeys {
  readonly key: Buffer;
  readonly iv: Buffer;
  readonly headerKey: Buffer;
}

export const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
export const hmac = (key: Uint8Array, bytes: Uint8Array): Buffer => createHmac('sha256', key).update(bytes).digest();
export const hkdfExtract = (salt: Uint8Array, secret: Uint8Array): Buffer => hmac(salt, secret);

/** HKDF-Expand-Label (RFC 8446, section 7.1). */
export function expandLabel(secret: Buffer, label: string, context: Buffer = NOTHING, length = HASH_BYTES): Buffer {
  const name = Buffer.from(`tls13 ${label}`);
  const info = Buffer.concat([
    Buffer.from([length >> 8, length & 0xff, name.length]),
    name,
    Buffer.from([context.length]),
    context,
  ]);
  // Nothing here is longer than one hash, so one round of HKDF-Expand is enough.
  return hmac(secret, Buffer.concat([info, Buffer.from([1])])).subarray(0, length);
}

export function keysOf(secret: Buffer): PacketKeys {
  return {
    key: expandLabel(secret, 'quic key', NOTHING, 16),
    iv: expandLabel(secret, 'quic iv', NOTHING, 12),
    headerKey: expandLabel(secret, 'quic hp', NOTHING, 16),
  };
}

export function initialKeys(destinationId: Buffer): { readonly client: PacketKeys; readonly server: PacketKeys } {
  const secret = hkdfExtract(INITIAL_SALT, destinationId);
  return { client: keysOf(expandLabel(secret, 'client in')), server: keysOf(expandLabel(secret, 'server in')) };
}

export function seal(keys: PacketKeys, packetNumber: bigint, header: Buffer, payload: Buffer): Buffer {
  const cipher = createCipheriv('aes-128-gcm', keys.key, nonceOf(keys, packetNumber));
  cipher.setAAD(header);
  return Buffer.concat([cipher.update(payload), cipher.final(), cipher.getAuthTag()]);
}

/** Throws when the packet is not of this key. */
export function open(keys: PacketKeys, packetNumber: bigint, header: Buffer, sealed: Buffer): Buffer {
  const decipher = createDecipheriv('aes-128-gcm', keys.key, nonceOf(keys, packetNumber));
  decipher.setAAD(header);
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  return Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES)), decipher.final()]);
}

/** The mask of header protection (RFC 9001, section 5.4.3). */
export function headerMask(keys: PacketKeys, sample: Buffer): Buffer {
  const cipher = createCipheriv('aes-128-ecb', keys.headerKey, null);
  cipher.setAutoPadding(false);
  return cipher.update(sample);
}

function nonceOf({ iv }: PacketKeys, packetNumber: bigint): Buffer {
  const nonce = Buffer.from(iv);
  const low = nonce.readBigUInt64BE(4);
  nonce.writeBigUInt64BE(low ^ packetNumber, 4);
  return nonce;
}
