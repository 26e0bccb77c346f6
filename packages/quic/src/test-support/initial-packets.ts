import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { parseLongHeader } from '../packets/packet-header.js';

/** RFC 9001, section 5.2. */
const INITIAL_SALT = Buffer.from('38762cf7f55934b34d179ae6a4c80cadccbb7f0a', 'hex');
const TAG_BYTES = 16;
/** RFC 9001, section 5.4.2: the sample of header protection begins this far behind the start of the packet number. */
const SAMPLE_OFFSET = 4;
const SAMPLE_BYTES = 16;

export interface InitialChange {
  readonly destinationId: Uint8Array;
  readonly token?: Uint8Array;
}

/**
 * A client's Initial packet with the same frames for another connection id, as anybody on the way can make one: its keys
 * come from the id alone (RFC 9001, section 5.2).
 */
export function resealInitial(packet: Uint8Array, { destinationId, token }: InitialChange): Buffer {
  const header = parseLongHeader(packet);
  if (header?.type !== 'initial' || header.packetBytes === undefined) throw new TypeError('not an Initial packet');
  const { number, numberBytes, frames } = openInitial(Buffer.from(packet.subarray(0, header.packetBytes)), header);
  const newToken = token ?? header.token;
  const length = numberBytes.length + frames.length + TAG_BYTES;
  const start = Buffer.concat([
    Buffer.from([0xc0 | (numberBytes.length - 1), 0, 0, 0, header.version, destinationId.length]),
    destinationId,
    Buffer.from([header.sourceId.length]),
    header.sourceId,
    Buffer.from([0x40 | (newToken.length >> 8), newToken.length & 0xff]),
    newToken,
    Buffer.from([0x40 | (length >> 8), length & 0xff]),
    numberBytes,
  ]);
  const keys = keysOf(destinationId);
  const cipher = createCipheriv('aes-128-gcm', keys.key, nonce(keys.iv, number));
  cipher.setAAD(start);
  const sealed = Buffer.concat([start, cipher.update(frames), cipher.final(), cipher.getAuthTag()]);
  const numberAt = start.length - numberBytes.length;
  const mask = maskOf(keys.headerKey, sealed, numberAt);
  sealed[0] = sealed[0]! ^ (mask[0]! & 0x0f);
  for (let i = 0; i < numberBytes.length; i += 1) sealed[numberAt + i] = sealed[numberAt + i]! ^ mask[1 + i]!;
  return sealed;
}

/** `packet` holds nothing else. */
function openInitial(
  packet: Buffer,
  { destinationId, sourceId, token }: { destinationId: Uint8Array; sourceId: Uint8Array; token: Uint8Array },
): { number: number; numberBytes: Buffer; frames: Buffer } {
  const keys = keysOf(destinationId);
  const tokenAt = 7 + destinationId.length + sourceId.length;
  const lengthAt = tokenAt + (1 << (packet[tokenAt]! >> 6)) + token.length;
  const numberAt = lengthAt + (1 << (packet[lengthAt]! >> 6));
  const mask = maskOf(keys.headerKey, packet, numberAt);
  packet[0] = packet[0]! ^ (mask[0]! & 0x0f);
  const bytes = (packet[0] & 3) + 1;
  for (let i = 0; i < bytes; i += 1) packet[numberAt + i] = packet[numberAt + i]! ^ mask[1 + i]!;
  const number = packet.readUIntBE(numberAt, bytes);
  const decipher = createDecipheriv('aes-128-gcm', keys.key, nonce(keys.iv, number));
  decipher.setAAD(packet.subarray(0, numberAt + bytes));
  decipher.setAuthTag(packet.subarray(-TAG_BYTES));
  const frames = Buffer.concat([decipher.update(packet.subarray(numberAt + bytes, -TAG_BYTES)), decipher.final()]);
  return { number, numberBytes: packet.subarray(numberAt, numberAt + bytes), frames };
}

function keysOf(destinationId: Uint8Array): { key: Buffer; iv: Buffer; headerKey: Buffer } {
  const secret = expand(hmac(INITIAL_SALT, destinationId), 'client in', 32);
  return {
    key: expand(secret, 'quic key', 16),
    iv: expand(secret, 'quic iv', 12),
    headerKey: expand(secret, 'quic hp', 16),
  };
}

function maskOf(headerKey: Buffer, packet: Buffer, numberAt: number): Buffer {
  const cipher = createCipheriv('aes-128-ecb', headerKey, null).setAutoPadding(false);
  return cipher.update(packet.subarray(numberAt + SAMPLE_OFFSET, numberAt + SAMPLE_OFFSET + SAMPLE_BYTES));
}

/** HKDF-Expand-Label (RFC 8446, section 7.1) of at most one hash. */
function expand(secret: Buffer, label: string, length: number): Buffer {
  const name = `tls13 ${label}`;
  const info = Buffer.concat([Buffer.from([0, length, name.length]), Buffer.from(name), Buffer.from([0, 1])]);
  return hmac(secret, info).subarray(0, length);
}

function hmac(key: Uint8Array, bytes: Uint8Array): Buffer {
  return createHmac('sha256', key).update(bytes).digest();
}

function nonce(iv: Buffer, number: number): Buffer {
  const bytes = Buffer.from(iv);
  bytes.writeUInt32BE((bytes.readUInt32BE(8) ^ number) >>> 0, 8);
  return bytes;
}
