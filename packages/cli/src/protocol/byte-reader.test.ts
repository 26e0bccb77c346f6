import { expect, test } from '@jest/globals';
import { chunkedStream, inPieces } from '../test-support/chunked-stream.js';
import { ByteReader } from './byte-reader.js';

const bytes = Uint8Array.from({ length: 20 }, (_, index) => index);

test('gives the portions asked for, whatever pieces come', async () => {
  for (let size = 1; size <= bytes.length; size++) {
    const reader = new ByteReader(chunkedStream([new Uint8Array(0), ...inPieces(bytes, size)]));
    expect(await reader.readExactly(7)).toEqual(bytes.subarray(0, 7));
    const some = await reader.readSome(5);
    expect(some!.length).toBeLessThanOrEqual(5);
    expect(await reader.readExactly(13 - some!.length)).toEqual(bytes.subarray(7 + some!.length));
    expect(await reader.readExactly(1)).toBeNull();
    expect(await reader.readSome(1)).toBeNull();
  }
});

test('an end in the middle of a portion is an error', async () => {
  const reader = new ByteReader(chunkedStream([bytes]));
  await expect(reader.readExactly(21)).rejects.toMatchObject({ code: 'ERR_KWIK_INVALID_MESSAGE' });
});

test('nothing is read for a portion of no bytes', async () => {
  const reader = new ByteReader({ read: () => Promise.reject(new Error('read')) });
  expect(await reader.readExactly(0)).toEqual(new Uint8Array(0));
});
