import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { recordOfText, textOfRecord } from '../core/records/text-record.js';
import { makeRecord } from '../core/records/server-record.js';
import { readServer, writeServer } from '../sources/server-list-shape.js';
import { record } from '../test-support/records.js';
import { signedRecords, signRecord } from './record-signing.js';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const stranger = generateKeyPairSync('ed25519');
const NOW = 1_800_000_000_000;
const signed = signRecord('films', record('a', { region: 'eu', tags: ['ssd'] }), privateKey, {
  nowMs: NOW,
  lifeMs: 60_000,
});
const verifier = signedRecords({
  service: 'films',
  keys: [{ key: publicKey, serverIds: ['a'] }],
  sources: ['mdns', 'http'],
});

describe('signed records', () => {
  test('are believed as they were signed, also after a way as JSON and as TXT', () => {
    expect(verifier.refusal(signed, 'http', NOW)).toBeUndefined();
    const { record: read } = readServer(JSON.parse(writeServer({ ...signed, load: 0.7 })));
    expect(verifier.refusal(read, 'http', NOW)).toBeUndefined();
    const text = makeRecord(recordOfText(textOfRecord(signed), signed.addresses[0]!));
    expect(verifier.refusal(text, 'mdns', NOW)).toBeUndefined();
  });

  test.each([
    ['changed', { ...signed, weight: 2 }, NOW, /wrong/],
    ['sent elsewhere', { ...signed, addresses: ['evil.test:1'] }, NOW, /wrong/],
    ['unsigned', { ...signed, signature: undefined }, NOW, /nobody/],
    ['expired', signed, NOW + 200_000, /expired/],
    ['from the future', signed, NOW - 200_000, /future/],
    [
      'of a stranger',
      signRecord('films', record('a'), stranger.privateKey, { nowMs: NOW, lifeMs: 1000 }),
      NOW,
      /not known/,
    ],
    [
      'of another server',
      signRecord('films', record('b'), privateKey, { nowMs: NOW, lifeMs: 1000 }),
      NOW,
      /not vouch for 'b'/,
    ],
    ['of another service', signRecord('music', record('a'), privateKey, { nowMs: NOW, lifeMs: 1000 }), NOW, /wrong/],
    [
      'longer-lived than signed',
      { ...signed, signature: { ...signed.signature!, expiresMs: NOW + 3_600_000 } },
      NOW,
      /wrong/,
    ],
  ])('are refused: %s', (_, bad, nowMs, reason) => {
    expect(verifier.refusal(bad, 'http', nowMs)).toMatch(reason);
  });

  test('other sources are believed as they are; other keys than Ed25519 are refused', () => {
    expect(verifier.refusal(record('x'), 'list', NOW)).toBeUndefined();
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
    expect(() => signedRecords({ service: 'films', keys: [{ key: rsa.publicKey }] })).toThrow(/Ed25519/);
  });
});
