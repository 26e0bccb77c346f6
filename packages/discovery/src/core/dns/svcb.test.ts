import { describe, expect, test } from '@jest/globals';
import { decodeSvcb, encodeSvcb } from './svcb.js';

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));

// The vectors of RFC 9460, appendix D.
describe('SVCB', () => {
  test.each([
    ['alias', '0000 03666f6f 076578616d706c65 03636f6d 00', { priority: 0, target: 'foo.example.com' }],
    ['the owner itself', '0001 00', { priority: 1, target: '' }],
    ['a port', '0010 03666f6f 076578616d706c65 03636f6d 00 0003 0002 0035', { priority: 16, port: 53 }],
    [
      'two hints of IPv6',
      '0001 03666f6f 076578616d706c65 03636f6d 00 0006 0020 20010db8000000000000000000000001 20010db8000000000000000000530001',
      { ipv6: ['2001:db8:0:0:0:0:0:1', '2001:db8:0:0:0:0:53:1'] },
    ],
    [
      'mandatory keys, protocols and a hint of IPv4',
      '0010 03666f6f 076578616d706c65 036f7267 00 0000 0004 0001 0004 0001 0009 02 6832 05 68332d3139 0004 0004 c0000201',
      { alpn: ['h2', 'h3-19'], ipv4: ['192.0.2.1'], unknownMandatory: [] },
    ],
    ['a mandatory key that is not understood', '0001 00 0000 0002 029b 029b 0001 61', { unknownMandatory: [667] }],
  ])('reads %s', (_, text, value) => {
    expect(decodeSvcb(hex(text))).toMatchObject(value);
  });

  test.each([
    ['keys twice', '0001 00 0003 0002 0001 0003 0002 0002', /ascending/],
    ['keys out of order', '0001 00 0004 0004 c0000201 0003 0002 0035', /ascending/],
    ['a mandatory key that is absent', '0001 00 0000 0002 0003', /mandatory and absent/],
    ['a compression pointer', '0001 c00c', /no plain name/],
    ['a hint that is no whole address', '0001 00 0004 0003 c00002', /whole address/],
    ['a port of three bytes', '0001 00 0003 0003 000035', /two bytes/],
    ['a protocol without a name', '0001 00 0001 0001 00', /no name/],
    ['a target with a line break', '0001 03 610a62 00', /no host name/],
  ])('refuses %s', (_, text, message) => {
    expect(() => decodeSvcb(hex(text))).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_INVALID_MESSAGE', message: expect.stringMatching(message) }),
    );
  });

  test('what is written is read, and cut off anywhere refused', () => {
    const value = { priority: 3, target: 'a.example', alpn: ['kwik'], port: 4433 };
    const bytes = encodeSvcb(value);
    expect(decodeSvcb(bytes)).toMatchObject(value);
    // A cut behind a whole parameter leaves a whole record.
    const whole = new Set([13, 22]);
    for (let length = 0; length < bytes.length; length++) {
      if (whole.has(length)) continue;
      expect(() => decodeSvcb(bytes.subarray(0, length))).toThrow(/cut off/);
    }
    expect(() => encodeSvcb({ priority: 1, target: 'a..b' })).toThrow(/no name of DNS/);
  });
});
