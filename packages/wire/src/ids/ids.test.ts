import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { uint62 } from '../test-support/arbitraries.js';
import { codeOf } from '../test-support/outcomes.js';
import {
  isUnidirectional,
  makeStreamId,
  MAX_VARINT,
  PRIMARY_PATH_ID,
  sessionIdFromBytes,
  sessionIdToBytes,
  streamInitiator,
  toPacketNumber,
  toPathId,
  toSessionId,
  toStreamId,
} from './ids.js';

describe('path ids', () => {
  test.each([0, 1, 2 ** 32 - 1])('%p is one', (value) => expect(toPathId(value)).toBe(value));
  test.each([-1, 2 ** 32, 1.5, Number.NaN, Infinity])('%p is none', (value) => {
    expect(codeOf(() => toPathId(value))).toBe('ERR_KWIK_INVALID_ARGUMENT');
  });
  test('0 leads to the primary', () => expect(PRIMARY_PATH_ID).toBe(0));
});

describe.each([
  ['stream ids', toStreamId],
  ['packet numbers', toPacketNumber],
])('%s', (_, convert) => {
  test.each([0n, 1n, MAX_VARINT])('%p is one', (value) => expect(convert(value)).toBe(value));
  test.each([-1n, MAX_VARINT + 1n, 1n << 64n])('%p is none', (value) => {
    expect(codeOf(() => convert(value))).toBe('ERR_KWIK_INVALID_ARGUMENT');
  });
});

describe('stream ids', () => {
  // RFC 9000, table 1.
  test.each([
    [0n, 'client', false],
    [1n, 'server', false],
    [2n, 'client', true],
    [3n, 'server', true],
  ] as const)('%p is the first of its kind', (value, initiator, unidirectional) => {
    expect(makeStreamId(0n, initiator, unidirectional)).toBe(value);
    expect(streamInitiator(toStreamId(value))).toBe(initiator);
    expect(isUnidirectional(toStreamId(value))).toBe(unidirectional);
  });

  test('those of a kind are told by their index', () => {
    const index = uint62.map((value) => value / 4n);
    fc.assert(
      fc.property(index, fc.constantFrom('client', 'server'), fc.boolean(), (at, initiator, unidirectional) => {
        const id = makeStreamId(at, initiator, unidirectional);
        expect([id / 4n, streamInitiator(id), isUnidirectional(id)]).toEqual([at, initiator, unidirectional]);
      }),
    );
  });

  test('there are 2^60 of a kind', () => {
    expect(makeStreamId((1n << 60n) - 1n, 'server', true)).toBe(MAX_VARINT);
    expect(codeOf(() => makeStreamId(1n << 60n, 'client', false))).toBe('ERR_KWIK_INVALID_ARGUMENT');
    expect(codeOf(() => makeStreamId(-1n, 'client', false))).toBe('ERR_KWIK_INVALID_ARGUMENT');
  });
});

describe('session ids', () => {
  test('are 16 bytes, both ways', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const id = sessionIdFromBytes(bytes);
        expect(id).toMatch(/^[0-9a-f]{32}$/);
        expect(sessionIdToBytes(id)).toEqual(bytes);
      }),
    );
  });

  test('of a view are read in its bounds', () => {
    const larger = Uint8Array.from({ length: 20 }, (_, index) => index);
    expect(sessionIdFromBytes(larger.subarray(2, 18))).toBe('02030405060708090a0b0c0d0e0f1011');
  });

  test.each(['', 'ab', 'A'.repeat(32), 'g'.repeat(32), '0'.repeat(33), `${'0'.repeat(32)}\n`])(
    '%p is none',
    (value) => {
      expect(codeOf(() => toSessionId(value))).toBe('ERR_KWIK_INVALID_ARGUMENT');
    },
  );

  test.each([0, 15, 17])('%i bytes are none', (length) => {
    expect(codeOf(() => sessionIdFromBytes(new Uint8Array(length)))).toBe('ERR_KWIK_INVALID_ARGUMENT');
  });
});
