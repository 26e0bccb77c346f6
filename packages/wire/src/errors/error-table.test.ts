import { describe, expect, test } from '@jest/globals';
import { ERROR_TABLE, type ErrorCode, errorCodeFromNumber } from './error-table.js';
import { KwikError } from './kwik-error.js';

const entries = Object.entries(ERROR_TABLE) as [ErrorCode, (typeof ERROR_TABLE)[ErrorCode]][];

describe('error table', () => {
  test('each number is used once and fits 32 bits', () => {
    const numbers = entries.map(([, { number }]) => number);
    expect(new Set(numbers).size).toBe(numbers.length);
    for (const number of numbers) expect(Number.isInteger(number) && number >= 0 && number < 2 ** 32).toBe(true);
  });

  test('numbers never change', () => {
    // Those that were released; new ones are added, none is taken away or renumbered.
    expect(Object.fromEntries(entries.map(([code, { number }]) => [code, number]))).toMatchObject({
      ERR_KWIK_NO_ERROR: 0x00,
      ERR_KWIK_INTERNAL: 0x01,
      ERR_KWIK_INVALID_FRAME: 0x10,
      ERR_KWIK_INVALID_PACKET: 0x11,
      ERR_KWIK_INVALID_MESSAGE: 0x12,
      ERR_KWIK_CHECKSUM_MISMATCH: 0x13,
      ERR_KWIK_PACKET_TOO_LARGE: 0x14,
      ERR_KWIK_AUTH_FAILED: 0x20,
      ERR_KWIK_PATH_DEAD: 0x30,
      ERR_KWIK_STREAM_CREATE_FAILED: 0x40,
      ERR_KWIK_SOURCE_NOT_FOUND: 0x50,
    });
  });

  test.each(entries)('%s has a name, a scope and a sentence', (code, { scope, summary }) => {
    expect(code).toMatch(/^ERR_KWIK_[A-Z0-9_]+$/);
    expect(['local', 'peer', 'path', 'session']).toContain(scope);
    expect(summary).toMatch(/^[A-Z].*\.$/);
    expect(Buffer.byteLength(summary)).toBeLessThanOrEqual(512);
  });

  test.each(entries)('%s is found by its number', (code, { number }) => {
    expect(errorCodeFromNumber(number)).toBe(code);
  });

  test('a number of a later version is a protocol violation', () => {
    for (const number of [0xff, 2 ** 32 - 1, -1, 1.5]) {
      expect(errorCodeFromNumber(number)).toBe('ERR_KWIK_PROTOCOL_VIOLATION');
    }
  });
});

describe('KwikError', () => {
  test('has what the table says', () => {
    const error = new KwikError('ERR_KWIK_PATH_DEAD');
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: 'KwikError',
      code: 'ERR_KWIK_PATH_DEAD',
      scope: 'path',
      wireNumber: 0x30,
      message: ERROR_TABLE.ERR_KWIK_PATH_DEAD.summary,
    });
    expect('cause' in error).toBe(false);
  });

  test('takes a message, a scope and a cause', () => {
    const cause = new Error('why');
    const error = new KwikError('ERR_KWIK_INVALID_FRAME', 'what', { scope: 'local', cause });
    expect([error.message, error.scope, error.cause]).toEqual(['what', 'local', cause]);
  });

  test('is made of what was thrown, unless it was one', () => {
    const one = new KwikError('ERR_KWIK_TIMEOUT');
    expect(KwikError.from(one, 'ERR_KWIK_ABORTED')).toBe(one);
    const cause = new RangeError('beyond');
    expect(KwikError.from(cause)).toMatchObject({ code: 'ERR_KWIK_INTERNAL', message: 'beyond', cause });
    expect(KwikError.from('text', 'ERR_KWIK_ABORTED')).toMatchObject({ code: 'ERR_KWIK_ABORTED', message: 'text' });
  });
});
