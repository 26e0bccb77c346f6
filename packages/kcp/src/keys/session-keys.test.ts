import { inspect } from 'node:util';
import { expect, test } from '@jest/globals';
import { toSessionId } from '@kwik/wire';
import { toHex } from '../crypto/bytes.js';
import { ed25519Sign, ed25519Verify } from '../crypto/ed25519.js';
import { deriveSessionKeys } from './session-keys.js';

const sessionId = toSessionId('000102030405060708090a0b0c0d0e0f');
const secret = new Uint8Array(32).fill(7);

test('the possession key follows from id and secret, the same on every machine', () => {
  const { possession } = deriveSessionKeys(sessionId, secret);
  // HKDF by the definition of RFC 5869, with HMACs only.
  expect(toHex(possession.privateKey)).toBe('3f1b2437686372ea2ca15a82c340c25957e1efb88e1520001a9a822aa63fe037');
  expect(toHex(possession.publicKey)).toBe('1e8bae7cbb0c975d45f690dab676eb4d4b538bcca9019e4d517ad6500c46cc04');
});

test('other ids and other secrets give other keys', () => {
  const keys = [
    deriveSessionKeys(sessionId, secret),
    deriveSessionKeys(toSessionId('f'.repeat(32)), secret),
    deriveSessionKeys(sessionId, new Uint8Array(32).fill(8)),
  ];
  expect(new Set(keys.map(({ possession }) => toHex(possession.publicKey))).size).toBe(3);
});

test('the private half signs what the public half verifies', () => {
  const { possession } = deriveSessionKeys(sessionId, secret);
  const data = new Uint8Array([1, 2, 3]);
  const signature = ed25519Sign(possession.privateKey, data);
  expect(ed25519Verify(possession.publicKey, data, signature)).toBe(true);
  expect(ed25519Verify(possession.publicKey, new Uint8Array([1, 2, 4]), signature)).toBe(false);
  expect(ed25519Verify(possession.publicKey.subarray(1), data, signature)).toBe(false);
  expect(ed25519Verify(possession.publicKey, data, signature.subarray(1))).toBe(false);
  expect(ed25519Verify(new Uint8Array(32).fill(255), data, signature)).toBe(false);
});

test('secrets of a wrong length are refused', () => {
  expect(() => deriveSessionKeys(sessionId, new Uint8Array(31))).toThrow(
    expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' }),
  );
});

test('keys do not show in logs', () => {
  const keys = deriveSessionKeys(sessionId, secret);
  for (const shown of [JSON.stringify(keys), inspect(keys, { depth: 9, showHidden: true })]) {
    expect(shown).toContain(sessionId);
    expect(shown).not.toMatch(/secret|privateKey|possession/);
  }
});
