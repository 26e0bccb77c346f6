import { describe, expect, it } from '@jest/globals';
import { copyOfBytes } from './bytes.js';

const BYTES = Uint8Array.from({ length: 64 }, (_, index) => index + 1);
const PART = BYTES.subarray(8, 24);

function shared(): Uint8Array {
  const view = new Uint8Array(new SharedArrayBuffer(64));
  view.set(BYTES);
  return view;
}

/** Node 20 has these; the library of ES2023 has no types for them. */
function resizable(length: number): ArrayBuffer & { resize(length: number): void } {
  return Reflect.construct(ArrayBuffer, [length, { maxByteLength: length }]) as never;
}

describe('copyOfBytes', () => {
  const own = BYTES.slice().buffer;
  it.each([
    ['a Uint8Array', BYTES.slice().subarray(8, 24)],
    ['a Buffer', Buffer.from(BYTES).subarray(8, 24)],
    ['a Uint16Array', new Uint16Array(own.slice(0), 8, 8)],
    ['a Float64Array', new Float64Array(own.slice(0), 8, 2)],
    ['a BigInt64Array', new BigInt64Array(own.slice(0), 8, 2)],
    ['a DataView', new DataView(own.slice(0), 8, 16)],
    ['an ArrayBuffer', PART.slice().buffer],
    ['a view of shared memory', shared().subarray(8, 24)],
    ['shared memory', new Uint8Array(shared().buffer.slice(8, 24)).buffer],
  ])('takes the bytes of %s, and a later change does not reach them', (_name, data) => {
    const copy = copyOfBytes(data, 'data');
    const under = ArrayBuffer.isView(data) ? data.buffer : data;
    new Uint8Array(under).fill(0);
    expect([...copy]).toEqual([...PART]);
    expect(copy.buffer).not.toBe(under);
  });

  it('takes nothing from what is empty', () => {
    expect(copyOfBytes(new Uint16Array(0), 'data')).toHaveLength(0);
    expect(copyOfBytes(new ArrayBuffer(0), 'data')).toHaveLength(0);
  });

  it.each([
    ['null', null, 'data is null'],
    ['undefined', undefined, 'data is of type undefined'],
    ['a number', 7, 'data is of type number'],
    ['a string', 'text', 'data is of type string'],
    ['an array', [1, 2], 'data is of type Array'],
    ['an object', Object.create(null), 'data is an object'],
  ])('refuses %s by name', (_name, data, message) => {
    expect(() => copyOfBytes(data as never, 'data')).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT', message: expect.stringContaining(message) }),
    );
  });

  it('refuses memory that was transferred away, which would pass for empty', () => {
    const gone = new Uint8Array(16);
    structuredClone(gone.buffer, { transfer: [gone.buffer] });
    for (const data of [gone, gone.buffer]) {
      expect(() => copyOfBytes(data, 'data')).toThrow(
        expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT', message: expect.stringContaining('transferred') }),
      );
    }
  });

  it.each([
    ['a typed array', (under: ArrayBuffer) => new Uint16Array(under, 8, 4)],
    ['a DataView', (under: ArrayBuffer) => new DataView(under, 8, 8)],
  ])('refuses %s whose memory was made too small for it, which would pass for empty', (_name, viewOf) => {
    const under = resizable(16);
    const view = viewOf(under);
    under.resize(8);
    expect(() => copyOfBytes(view, 'data')).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT', message: expect.stringContaining('smaller') }),
    );
  });

  it('takes the bytes that are there, whatever a view says of itself', () => {
    const liar = Object.defineProperties(new Uint8Array([1, 2, 3]), {
      length: { value: 1e9 },
      byteLength: { value: 2 },
      byteOffset: { value: 1 },
      buffer: { value: new ArrayBuffer(64) },
      keys: { value: () => [] },
    });
    expect([...copyOfBytes(liar, 'data')]).toEqual([1, 2, 3]);
  });
});
