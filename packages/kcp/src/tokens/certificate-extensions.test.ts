import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { makeAuthority } from '../test-support/certificates.js';
import { readExtensions } from './certificate-extensions.js';

describe('extensions of a certificate', () => {
  test('are read as a library reads them', async () => {
    const root = await makeAuthority('root', { pathLength: 3 });
    expect(readExtensions(root.der)).toEqual({ keyUsage: undefined, pathLength: 3 });
    const { cRLSign, digitalSignature, keyCertSign, keyEncipherment } = x509.KeyUsageFlags;
    for (const keyUsage of [0, digitalSignature, keyCertSign, cRLSign, keyEncipherment, 0x1ff]) {
      const { der } = await root.issue({ keyUsage });
      expect(readExtensions(der)).toEqual({
        keyUsage: {
          digitalSignature: (keyUsage & digitalSignature) !== 0,
          keyCertSign: (keyUsage & keyCertSign) !== 0,
          cRLSign: (keyUsage & cRLSign) !== 0,
        },
        pathLength: undefined,
      });
    }
  });

  test('of broken bytes: none, or what is left of them, and no other error', async () => {
    const { der } = await (await makeAuthority('root')).issue({ keyUsage: x509.KeyUsageFlags.digitalSignature });
    for (let length = 0; length < der.length; length++) {
      expect(readExtensions(der.subarray(0, length))).toBeUndefined();
    }
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.nat(255), (at, value) => {
        const changed = new Uint8Array(der);
        changed[at] = value;
        expect(() => readExtensions(changed)).not.toThrow();
      }),
      { numRuns: 1000 },
    );
  });
});
