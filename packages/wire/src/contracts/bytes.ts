import { KwikError } from '../errors/kwik-error.js';

/** Whatever holds bytes: a Buffer, any other typed array or DataView (the bytes under it), or a whole (shared) ArrayBuffer. */
export type BytesLike = ArrayBufferView | ArrayBuffer | SharedArrayBuffer;

/**
 * A copy of the bytes, which nobody else can change. (`slice` would not do: that of a Buffer is a view, and that of a
 * Uint16Array counts in elements.) Throws ERR_KWIK_INVALID_ARGUMENT for what holds no bytes; `what` names it.
 */
export function copyOfBytes(data: BytesLike, what: string): Uint8Array {
  if (!ArrayBuffer.isView(data) && !isAnyArrayBuffer(data)) {
    throw new KwikError(
      'ERR_KWIK_INVALID_ARGUMENT',
      `${what} is ${nameOf(data)}; give a Buffer, a typed array, a DataView or an ArrayBuffer`,
    );
  }
  try {
    const view = ArrayBuffer.isView(data)
      ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      : new Uint8Array(data);
    return new Uint8Array(view);
  } catch (cause) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `${what} lies in an ArrayBuffer that was transferred away`, {
      cause,
    });
  }
}

/** Whatever realm it comes from, and whatever it calls itself: the lengths can be read of these only. */
function isAnyArrayBuffer(data: unknown): data is ArrayBuffer | SharedArrayBuffer {
  return [ArrayBuffer, SharedArrayBuffer].some(({ prototype }) => {
    try {
      Reflect.get(prototype, 'byteLength', data);
      return true;
    } catch {
      return false;
    }
  });
}

function nameOf(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value !== 'object') return `of type ${typeof value}`;
  const { constructor } = value as { constructor?: { name?: unknown } };
  return typeof constructor?.name === 'string' && constructor.name !== '' ? `of type ${constructor.name}` : 'an object';
}
