import { randomBytes, X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { TokenSigner } from '@kwik/kcp';
import { makeAuthority, makeServerCertificate } from '../credentials/certificates.js';
import { SIGNER_LIFE_MS, TokenSigners } from './token-signers.js';

const DAY_MS = 24 * 3600 * 1000;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const keyOf = ({ publicKey }: TokenSigner): string => hex(publicKey);

interface Pair {
  readonly cert: string;
  readonly key: string;
}

describe('keys that sign path tokens', () => {
  let certificates: Pair[];
  beforeAll(async () => {
    const authority = await makeAuthority('signers', 400);
    const made = await Promise.all(
      Array.from({ length: 6 }, () => makeServerCertificate(authority, ['localhost'], 90)),
    );
    certificates = made.map(({ certPem, keyPem }) => ({ cert: certPem, key: keyPem }));
  });

  function signers(nowMs: () => number) {
    const told: string[] = [];
    const made = new TokenSigners(certificates[0]!, {
      clock: { now: nowMs },
      random: (bytes) => new Uint8Array(randomBytes(bytes)),
      onNewKey: (key) => told.push(hex(key)),
    });
    return { signers: made, told };
  }

  const isVouchedBy = ({ delegation }: TokenSigner, { cert }: Pair): boolean =>
    hex(delegation!.chain[0]!) === hex(new X509Certificate(cert).raw);

  test('over a year: each session keeps its key, and is vouched for by the newest certificate', () => {
    let nowMs = 0;
    const { signers: all, told } = signers(() => nowMs);
    const sessions: { readonly signer: TokenSigner; readonly key: string }[] = [];
    for (let day = 0; day < 365; day++) {
      nowMs = day * DAY_MS;
      if (day % 60 === 59) all.update(certificates[Math.floor(day / 60) % certificates.length]!);
      const newest = certificates[day < 59 ? 0 : Math.floor((day - 59) / 60)]!;
      const signer = all.current;
      sessions.push({ signer, key: keyOf(signer) });
      for (const session of [sessions[0]!, sessions[day]!]) {
        expect(keyOf(session.signer)).toBe(session.key);
        expect(isVouchedBy(session.signer, newest)).toBe(true);
      }
    }
    expect(new Set(sessions.map(({ key }) => key)).size).toBe(365);
    expect(told).toEqual(sessions.slice(1).map(({ key }) => key));
  });

  test('sessions of one day share a key, and the clock may stand', () => {
    let nowMs = 5;
    const { signers: all } = signers(() => nowMs);
    const first = keyOf(all.current);
    nowMs += SIGNER_LIFE_MS - 1;
    expect(keyOf(all.current)).toBe(first);
    nowMs += 1;
    const second = keyOf(all.current);
    expect(second).not.toBe(first);
    expect(keyOf(all.current)).toBe(second);
  });

  test('a certificate without its key changes nothing', () => {
    const { signers: all } = signers(() => 0);
    const mixed = { cert: certificates[1]!.cert, key: certificates[2]!.key };
    expect(() => all.update(mixed)).toThrow(expect.objectContaining({ code: 'ERR_KWIK_CREDENTIALS' }));
    expect(isVouchedBy(all.current, certificates[0]!)).toBe(true);
  });
});
