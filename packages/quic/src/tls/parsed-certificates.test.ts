import { X509Certificate } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { makeAuthority } from '../test-support/certificates.js';
import { ParsedCertificates } from './parsed-certificates.js';

describe('ParsedCertificates', () => {
  test('the same bytes are parsed once; others are other certificates', async () => {
    const authority = await makeAuthority();
    const [one, other] = [await authority.issue(), await authority.issue()].map(
      ({ certPem }) => new X509Certificate(certPem).raw,
    );
    const parsed = new ParsedCertificates();
    const first = parsed.get(one!);
    expect(first.raw).toEqual(one);
    expect(parsed.get(Buffer.from(one!))).toBe(first);
    expect(parsed.get(other!).raw).toEqual(other);
    expect(parsed.size).toBe(2);
  });

  test('keeps nothing of what cannot be read, nor of what is too large to keep many of', async () => {
    const parsed = new ParsedCertificates();
    expect(() => parsed.get(Uint8Array.of(1, 2, 3))).toThrow();
    const names = Array.from({ length: 400 }, (_, index) => `host-${index}.example.test`);
    const { certPem } = await (await makeAuthority()).issue({ names });
    const large = new X509Certificate(certPem).raw;
    expect(large.length).toBeGreaterThan(8 * 1024);
    expect(parsed.get(large)).not.toBe(parsed.get(large));
    expect(parsed.size).toBe(0);
  });
});
