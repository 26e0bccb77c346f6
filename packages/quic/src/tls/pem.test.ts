import { expect, test } from '@jest/globals';
import { pemText } from './pem.js';

const ONE = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----';
const TWO = '-----BEGIN CERTIFICATE-----\nBBBB\n-----END CERTIFICATE-----\n';
const textOf = (pem: string): string => Buffer.from(pemText(Buffer.from(pem))).toString();

test('a text that is as it should be is not copied', () => {
  const pem = Buffer.from(`${ONE}\n${TWO}`);
  expect(pemText(pem)).toBe(pem);
});

test('texts that were joined on one line are put on two, and a byte order mark is left out', () => {
  expect(textOf(ONE + TWO)).toBe(`${ONE}\n${TWO}`);
  expect(textOf(`\ufeff${ONE}${ONE}${TWO}`)).toBe(`${ONE}\n${ONE}\n${TWO}`);
  expect(textOf(`\ufeff${TWO}`)).toBe(TWO);
});
