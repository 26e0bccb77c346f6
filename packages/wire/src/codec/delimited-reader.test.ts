import { describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { MAX_PACKET_BYTES } from '../limits/wire-limits.js';
import { codeOf, hex, kwikErrorOf } from '../test-support/outcomes.js';
import { TestRandom } from '../test-support/random.js';
import { varint } from '../test-support/wire-fields.js';
import { DelimitedReader, encodeDelimited } from './delimited-reader.js';

describe('DelimitedReader', () => {
  test('gives the messages back, however the stream is cut', () => {
    const messages = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 20 }),
        fc.integer({ min: 0, max: 2_000 }).map((length) => new Uint8Array(length).fill(length)),
      ),
      { maxLength: 12 },
    );
    const cuts = fc.array(fc.oneof(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 4_000 })), {
      minLength: 1,
    });
    fc.assert(
      fc.property(messages, cuts, fc.integer({ min: 1, max: 3 }), (sent, sizes, pushesAtOnce) => {
        const stream = Buffer.concat(sent.map(encodeDelimited));
        const reader = new DelimitedReader();
        const received: Uint8Array[] = [];
        let [position, given] = [0, 0];
        for (let turn = 0; position < stream.length; turn++) {
          // A cut of 0 is an empty chunk; one byte more at the end of a round of sizes brings the stream forward.
          const size = sizes[turn % sizes.length]! + (turn % sizes.length === 0 ? 1 : 0);
          reader.push(stream.subarray(position, position + size));
          position = Math.min(stream.length, position + size);
          if (turn % pushesAtOnce !== 0 && position < stream.length) continue;
          for (let message = reader.next(); message !== undefined; message = reader.next()) {
            received.push(message);
            given += encodeDelimited(message).length;
          }
          if (reader.bufferedBytes !== position - given)
            throw new Error(`${reader.bufferedBytes} bytes at ${position}`);
        }
        expect(received.map(hex)).toEqual(sent.map(hex));
        expect(reader.bufferedBytes).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  test('a message that lies whole in a chunk is a view of it, one that crosses chunks is not', () => {
    const reader = new DelimitedReader();
    const first = Uint8Array.of(1, 7, 2, 8, 9, 3, 1);
    const second = Uint8Array.of(2, 3, 1, 4);
    reader.push(first);
    expect(reader.next()?.buffer).toBe(first.buffer);
    expect(reader.next()).toEqual(Uint8Array.of(8, 9));
    expect(reader.next()).toBeUndefined();
    reader.push(second);
    const crossing = reader.next();
    expect(crossing).toEqual(Uint8Array.of(1, 2, 3));
    expect([first.buffer, second.buffer]).not.toContain(crossing?.buffer);
    expect(reader.next()?.buffer).toBe(second.buffer);
  });

  test('a joined message keeps its bytes when the next one is joined', () => {
    const reader = new DelimitedReader();
    reader.push(Uint8Array.of(2, 1));
    reader.next();
    reader.push(Uint8Array.of(2, 2, 3));
    const one = reader.next();
    reader.next();
    reader.push(Uint8Array.of(4));
    expect(reader.next()).toEqual(Uint8Array.of(3, 4));
    expect(one).toEqual(Uint8Array.of(1, 2));
  });

  test('a length above the bound is refused before anything is buffered', () => {
    const reader = new DelimitedReader({ maxPacketBytes: 100 });
    reader.push(Uint8Array.from([...varint(101), ...Array<number>(101).fill(0)]));
    const error = kwikErrorOf(() => reader.next());
    expect([error.code, error.scope]).toEqual(['ERR_KWIK_PACKET_TOO_LARGE', 'peer']);
    expect(reader.bufferedBytes).toBe(0);
    reader.push(new Uint8Array(1_000));
    expect(reader.bufferedBytes).toBe(0);
    expect(kwikErrorOf(() => reader.next())).toBe(error);
  });

  test.each([-1, 1.5, Number.NaN, Infinity, 2 ** 28])('a bound of %p is none', (maxPacketBytes) => {
    expect(codeOf(() => new DelimitedReader({ maxPacketBytes }))).toBe('ERR_KWIK_INVALID_ARGUMENT');
  });

  test('takes messages up to the bound', () => {
    const reader = new DelimitedReader({ maxPacketBytes: 100 });
    reader.push(encodeDelimited(new Uint8Array(100)));
    expect(reader.next()).toHaveLength(100);
    const standard = new DelimitedReader();
    standard.push(encodeDelimited(new Uint8Array(MAX_PACKET_BYTES)));
    expect(standard.next()).toHaveLength(MAX_PACKET_BYTES);
    standard.push(encodeDelimited(new Uint8Array(MAX_PACKET_BYTES + 1)));
    expect(codeOf(() => standard.next())).toBe('ERR_KWIK_PACKET_TOO_LARGE');
  });

  test.each([
    ['2^32', varint(2 ** 32)],
    ['2^63', varint(1n << 63n)],
    ['a varint that never ends', Array<number>(20).fill(0xff)],
    ['a varint of zeros that never ends', Array<number>(20).fill(0x80)],
  ])('refuses a length of %s', (_, prefix) => {
    const reader = new DelimitedReader();
    const refused = prefix.some((byte) => {
      reader.push(Uint8Array.of(byte));
      try {
        return reader.next() !== undefined;
      } catch {
        return true;
      }
    });
    expect(refused).toBe(true);
    expect(codeOf(() => reader.next())).toBe('ERR_KWIK_PACKET_TOO_LARGE');
  });

  test('a length that is only announced costs next to no memory', () => {
    const readers = Array.from({ length: 1_000 }, () => new DelimitedReader());
    const before = process.memoryUsage().arrayBuffers;
    for (const reader of readers) {
      reader.push(Uint8Array.from([...varint(MAX_PACKET_BYTES), 1]));
      expect(reader.next()).toBeUndefined();
    }
    // 64 MB were announced.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8_000_000);
  });

  test.each([1, 3, 1_350])('joins chunks of %i bytes in linear time', (size) => {
    const message = new TestRandom(size).bytes(20_000);
    const stream = encodeDelimited(message);
    const copies = jest.spyOn(Uint8Array.prototype, 'set');
    const reader = new DelimitedReader();
    let received: Uint8Array | undefined;
    for (let at = 0; at < stream.length; at += size) {
      reader.push(stream.subarray(at, at + size));
      received = reader.next() ?? received;
    }
    const copied = copies.mock.calls.reduce((sum, [source]) => sum + source.length, 0);
    copies.mockRestore();
    expect(received).toEqual(message);
    expect(copied).toBeGreaterThanOrEqual(message.length);
    expect(copied).toBeLessThan(3 * message.length);
  });
});
