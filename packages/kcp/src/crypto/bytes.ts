import { timingSafeEqual } from 'node:crypto';

/**
 * What gets signed or keyed: `label`, a zero byte, then every part behind its length (4 bytes, big end first), so that
 * no two lists of parts give the same bytes. The label keeps signatures of one kind from passing for another.
 */
export function transcript(label: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const pieces: Uint8Array[] = [Buffer.from(`${label}\0`, 'ascii')];
  for (const part of parts) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(part.length);
    pieces.push(length, part);
  }
  return concat(pieces);
}

/** `label`, a zero byte and `bytes`: for one value that fills the rest. */
export function labelled(label: string, bytes: Uint8Array): Uint8Array {
  return concat([Buffer.from(`${label}\0`, 'ascii'), bytes]);
}

export function concat(pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces));
}

/** Takes the same time wherever two byte strings of one length differ. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

export function utf8(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'utf8'));
}

export function uint32Bytes(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return new Uint8Array(bytes);
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** A copy that keeps no larger buffer alive and that nobody else writes into. */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
