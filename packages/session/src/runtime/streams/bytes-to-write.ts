import { copyOfBytes, type BytesLike } from '@kwik/wire';

/** A copy of them: they are kept until they are acknowledged, and whoever wrote them may reuse the memory at once. */
export function bytesToWrite(data: BytesLike | string): Uint8Array {
  return typeof data === 'string' ? new TextEncoder().encode(data) : copyOfBytes(data, 'what is to be written');
}
