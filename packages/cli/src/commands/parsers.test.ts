import { describe, expect, test } from '@jest/globals';
import { InvalidArgumentError } from 'commander';
import {
  collect,
  parseAddress,
  parseCandidate,
  parseListenAddress,
  parseRates,
  parseSeconds,
  parseSize,
  parseWhole,
} from './parsers.js';

describe('parsers of option values', () => {
  test.each([
    ['500', 500],
    ['500B', 500],
    ['2k', 2000],
    ['1.5kB', 1500],
    ['30MB', 30_000_000],
    ['2 gb', 2_000_000_000],
  ])('size %s', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  test.each([
    ['rates', parseRates('20, 10,0.1'), [20, 10, 0.1]],
    ['seconds', parseSeconds('2.5'), 2.5],
    ['whole', parseWhole('042'), 42],
    ['address', parseAddress('h:1'), 'h:1'],
    ['candidate', parseCandidate('[::1]:4433'), { address: '[::1]:4433' }],
    ['candidate with its price', parseCandidate('h:1=0.25'), { address: 'h:1', pricePerGb: 0.25 }],
    ['port 0', parseListenAddress('h:0'), 'h:0'],
    ['a port alone', parseListenAddress('4433'), '127.0.0.1:4433'],
    ['several', collect(parseAddress)('b:1', ['a:1']), ['a:1', 'b:1']],
  ])('%s', (_name, value, expected) => {
    expect(value).toEqual(expected);
  });

  test.each<[string, (text: string) => unknown, string[]]>([
    ['sizes', parseSize, ['', 'x', '-1', '1TB', '1e6', '.5MB']],
    ['whole numbers', parseWhole, ['', '-1', '1.5', '1e3', '9'.repeat(16)]],
    ['seconds', parseSeconds, ['', '0', '-1', 'Infinity', '86401', '1s']],
    ['rates', parseRates, ['', '20,', '0', '0.05', '1001', 'NaN', '1,1,1,1,1,1,1,1,1']],
    ['addresses', parseAddress, ['', 'h:0', 'h:65536', '::1']],
    ['where to listen', parseListenAddress, ['', ':4433', '65536', '::1']],
  ])('refuses as %s what is none', (_name, parse, texts) => {
    for (const text of texts) expect(() => parse(text)).toThrow(InvalidArgumentError);
  });
});
