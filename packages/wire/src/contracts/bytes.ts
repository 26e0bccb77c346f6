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
    return new Uint8Array(ArrayBuffer.isView(data) ? bytesUnder(data) : new Uint8Array(data));
  } catch (cause) {
    throw new KwikError(
      'ERR_KWIK_INVALID_ARGUMENT',
      `${what} lies in an ArrayBuffer that was transferred away, or made smaller than that`,
      { cause },
    );
  }
}

/** What typed arrays of all kinds share: its getters say what a view is, whatever a subclass says of itself. */
const TYPED_ARRAY = Reflect.getPrototypeOf(Uint8Array.prototype)!;

/** Throws for a view whose memory is gone. A DataView's getters do; a typed array's pass it for empty, and its `keys` throws. */
function bytesUnder(view: ArrayBufferView): Uint8Array {
  const typed = Reflect.get(TYPED_ARRAY, Symbol.toStringTag, view) !== undefined;
  const getters = typed ? TYPED_ARRAY : DataView.prototype;
  if (typed) Uint8Array.prototype.keys.call(view as Uint8Array);
  return new Uint8Array(
    Reflect.get(getters, 'buffer', view) as ArrayBufferLike,
    Reflect.get(getters, 'byteOffset', view) as number,
    Reflect.get(getters, 'byteLength', view) as number,
  );
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
