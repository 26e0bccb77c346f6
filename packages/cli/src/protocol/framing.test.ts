import { expect, test } from '@jest/globals';
import { z } from 'zod';
import { chunkedStream, inPieces } from '../test-support/chunked-stream.js';
import { ByteReader } from './byte-reader.js';
import { encodeMessage, MAX_MESSAGE_BYTES, readMessage } from './framing.js';

const schema = z.object({ a: z.number(), b: z.string() });
const message = { a: 1, b: 'ü' };

function read(bytes: Uint8Array, piece = 1000): Promise<unknown> {
  return readMessage(new ByteReader(chunkedStream(inPieces(bytes, piece))), schema, 'the test');
}

function framed(body: Uint8Array, length = body.length): Uint8Array {
  const bytes = Buffer.alloc(4 + body.length);
  bytes.writeUInt32BE(length);
  bytes.set(body, 4);
  return bytes;
}

test('exact bytes', () => {
  expect(Buffer.from(encodeMessage({ a: 1 })).toString('latin1')).toBe('\0\0\0\u0007{"a":1}');
});

test('a message comes back, in whatever pieces, and the next after it', async () => {
  const two = Buffer.concat([encodeMessage(message), encodeMessage({ ...message, unknown: true, a: 2 })]);
  for (let piece = 1; piece < two.length; piece++) {
    const reader = new ByteReader(chunkedStream(inPieces(two, piece)));
    expect(await readMessage(reader, schema, 'x')).toEqual(message);
    expect(await readMessage(reader, schema, 'x')).toEqual({ a: 2, b: 'ü' });
    expect(await readMessage(reader, schema, 'x')).toBeNull();
  }
});

test('every truncation is the end or an error', async () => {
  const whole = encodeMessage(message);
  expect(await read(whole.subarray(0, 0))).toBeNull();
  for (let length = 1; length < whole.length; length++) {
    await expect(read(whole.subarray(0, length))).rejects.toMatchObject({ code: 'ERR_KWIK_INVALID_MESSAGE' });
  }
});

test.each([
  ['an empty message', framed(new Uint8Array(0)), 'ERR_KWIK_PACKET_TOO_LARGE', /of 0 bytes/u],
  ['a large one', framed(Buffer.from('{}'), MAX_MESSAGE_BYTES + 1), 'ERR_KWIK_PACKET_TOO_LARGE', /16385 bytes/u],
  ['an endless one', framed(Buffer.from('{}'), 0xffffffff), 'ERR_KWIK_PACKET_TOO_LARGE', /the test/u],
  ['no JSON', framed(Buffer.from('{')), 'ERR_KWIK_INVALID_MESSAGE', /the test is not JSON in UTF-8/u],
  ['no UTF-8', framed(Uint8Array.of(0x22, 0xff, 0x22)), 'ERR_KWIK_INVALID_MESSAGE', /UTF-8/u],
  [
    'another shape',
    framed(Buffer.from('{"a":"1","b":""}')),
    'ERR_KWIK_INVALID_MESSAGE',
    /the test is not valid \(a: /u,
  ],
  ['no object', framed(Buffer.from('[]')), 'ERR_KWIK_INVALID_MESSAGE', /not valid$|not valid \(/u],
])('%s is refused', async (_name, bytes, code, pattern) => {
  await expect(read(bytes)).rejects.toMatchObject({ code, message: expect.stringMatching(pattern) });
});

test('what does not fit is not sent', () => {
  expect(() => encodeMessage({ b: 'x'.repeat(MAX_MESSAGE_BYTES) })).toThrow(/is over 16384/u);
});
