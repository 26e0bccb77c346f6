import { crc32 } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { codeOf, fromHex } from '../test-support/outcomes.js';
import { bytesForZeroCrc, seal } from '../test-support/sealing.js';
import { verifyChecksum } from './checksum.js';

describe('checksum', () => {
  test('is the CRC-32 of IEEE 802.3', () => {
    // The check value of every catalogue of CRCs.
    expect(crc32(Buffer.from('123456789'))).toBe(0xcbf43926);
    expect(crc32(new Uint8Array(0))).toBe(0);
  });

  test('covers everything before its field', () => {
    const fields = fromHex('0805 1001');
    expect(verifyChecksum(seal(fields), crc32)).toEqual({ coveredBytes: 4, checksum: crc32(fields) });
  });

  test('finds every flipped bit', () => {
    const sealed = seal(fromHex('0805 1001 1a08 0a06 0804 2a02cafe'));
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const damaged = Uint8Array.from(sealed);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(codeOf(() => verifyChecksum(damaged, crc32))).toBe('ERR_KWIK_CHECKSUM_MISMATCH');
    }
  });

  test('a missing checksum is the CRC 0', () => {
    const start = fromHex('0805 1001 2a04');
    const fields = Uint8Array.from([...start, ...bytesForZeroCrc(start)]);
    expect(crc32(fields)).toBe(0);
    expect(verifyChecksum(fields, crc32)).toEqual({ coveredBytes: fields.length, checksum: 0 });
    expect(verifyChecksum(seal(fields), crc32)).toEqual({ coveredBytes: fields.length, checksum: 0 });
    fields[0]! ^= 1;
    expect(codeOf(() => verifyChecksum(fields, crc32))).toBe('ERR_KWIK_CHECKSUM_MISMATCH');
  });

  test('a missing checksum behind data that look like one', () => {
    const start = fromHex('0805 1001 2a09 7d01020304');
    const fields = Uint8Array.from([...start, ...bytesForZeroCrc(start)]);
    expect(verifyChecksum(fields, crc32)).toEqual({ coveredBytes: fields.length, checksum: 0 });
  });

  test('fewer bytes than a checksum has are no packet', () => {
    for (const digits of ['00', '7d', '7d000000']) {
      expect(codeOf(() => verifyChecksum(fromHex(digits), crc32))).toBe('ERR_KWIK_CHECKSUM_MISMATCH');
    }
  });
});
