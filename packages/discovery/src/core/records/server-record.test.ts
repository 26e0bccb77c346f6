import { describe, expect, test } from '@jest/globals';
import { splitAddress } from './address.js';
import { makeRecord } from './server-record.js';
import { signedText } from './signed-text.js';

const addresses = ['a.test:4433'];

describe('a record', () => {
  test('has a default for everything but its addresses', () => {
    expect(makeRecord({ addresses })).toMatchObject({
      serverId: '',
      capabilities: ['primary'],
      weight: 1,
      priority: 0,
      accepting: true,
      load: undefined,
    });
  });

  test('leaves out capabilities of newer versions', () => {
    expect(makeRecord({ addresses, capabilities: ['teleport', 'relay'] }).capabilities).toEqual(['relay']);
  });

  test('keeps attributes apart from what objects have of themselves', () => {
    const attributes = JSON.parse('{"__proto__":"x","a":"b"}') as Record<string, string>;
    expect([...makeRecord({ addresses, attributes }).attributes]).toEqual([
      ['__proto__', 'x'],
      ['a', 'b'],
    ]);
  });

  test.each([
    [{ addresses: [] }, /0 addresses/],
    [{ addresses: Array.from({ length: 9 }, (_, n) => `a${n}.test:1`) }, /9 addresses/],
    [{ addresses: ['no port'] }, /is not an address/],
    [{ addresses, serverId: 'x'.repeat(129) }, /serverId has more than 128/],
    [{ addresses, region: 'a\u0007b' }, /control characters/],
    [{ addresses, serverId: 'films\u202egro.elpmaxe' }, /marks that nobody sees/],
    [{ addresses, tags: ['ssd\u200b'] }, /tag has control characters, or marks/],
    [{ addresses: ['\u001b]0;title\u0007:1'] }, /'\?\]0;title\?:1' is not an address/],
    [{ addresses: ['a\u202e.test:1'] }, /'a\?.test:1' is not an address/],
    [{ addresses, weight: 0 }, /weight is not a whole number from 1 to 65535/],
    [{ addresses, weight: Number.NaN }, /weight/],
    [{ addresses, load: 1.5 }, /load of 1.5/],
    [{ addresses, load: Number.NaN }, /load of NaN/],
    [{ addresses, tags: Array.from({ length: 17 }, (_, n) => `t${n}`) }, /16 tags/],
    [{ addresses, attributes: Object.fromEntries(Array.from({ length: 33 }, (_, n) => [n, ''])) }, /32 attributes/],
    [{ addresses, pin: 'abc' }, /64 hexadecimal/],
  ])('refuses %j', (input, message) => {
    expect(() => makeRecord(input)).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT', message: expect.stringMatching(message) }),
    );
  });

  test.each([
    ['a:1', { host: 'a', port: 1 }],
    ['[2001:db8::1]:65535', { host: '2001:db8::1', port: 65_535 }],
    ['[fe80::1%eth0]:4433', { host: 'fe80::1%eth0', port: 4433 }],
    ['2001:db8::1:4433', undefined],
    ['a:0', undefined],
    ['a:65536', undefined],
    ['user@a:1', undefined],
    ['a b:1', undefined],
    [`${'a'.repeat(400)}:1`, undefined],
  ])('%s as an address', (text, parts) => {
    expect(splitAddress(text)).toEqual(parts);
  });

  test('is signed with all that it says, but for its load, and for one service', () => {
    const one = makeRecord({ addresses, attributes: { b: '2', a: '1' } });
    const times = { issuedMs: 1, expiresMs: 2 };
    const text = signedText('files', one, times);
    expect(signedText('files', { ...one, load: 0.5, attributes: new Map([...one.attributes].reverse()) }, times)).toBe(
      text,
    );
    for (const other of [
      { ...one, weight: 2 },
      { ...one, addresses: ['b.test:1'] },
      { ...one, pin: '0'.repeat(64) },
    ]) {
      expect(signedText('files', other, times)).not.toBe(text);
    }
    expect(signedText('other', one, times)).not.toBe(text);
    expect(signedText('files', one, { ...times, expiresMs: 3 })).not.toBe(text);
  });
});
