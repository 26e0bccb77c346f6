import { crc32 } from 'node:zlib';

/** Encoded fields of a packet with their checksum behind them: what `decodePacket` takes. */
export function seal(fields: Uint8Array): Uint8Array {
  const sealed = new Uint8Array(fields.length + 5);
  sealed.set(fields);
  sealed[fields.length] = 0x7d;
  new DataView(sealed.buffer).setUint32(fields.length + 1, crc32(fields), true);
  return sealed;
}

/** Takes the length off; slow and obvious. */
export function withoutPrefix(framed: Uint8Array): Uint8Array {
  const last = framed.findIndex((byte) => byte < 0x80);
  const length = framed.slice(0, last + 1).reduceRight((sum, byte) => sum * 128 + (byte % 128), 0);
  if (framed.length !== last + 1 + length) throw new Error(`${framed.length} bytes, and a length of ${length}`);
  return framed.subarray(last + 1);
}

/** Four bytes that bring the CRC-32 of `bytes` followed by them to 0. CRC-32 is linear: 32 unknown bits, solved by Gauss. */
export function bytesForZeroCrc(bytes: Uint8Array): Uint8Array {
  const tail = (value: number): Uint8Array => Uint8Array.from([0, 8, 16, 24], (shift) => (value >>> shift) & 0xff);
  const crcWith = (value: number): number => crc32(Buffer.concat([bytes, tail(value)]));
  const base = crcWith(0);
  let rows = Array.from({ length: 32 }, (_, bit) => ({
    crc: (crcWith((1 << bit) >>> 0) ^ base) >>> 0,
    bits: (1 << bit) >>> 0,
  }));
  let [wanted, solution] = [base, 0];
  for (let bit = 31; bit >= 0; bit--) {
    const pivot = rows.find(({ crc }) => crc >>> bit === 1);
    if (pivot === undefined) throw new Error('CRC-32 of four bytes is a bijection');
    if (((wanted >>> bit) & 1) === 1) {
      wanted = (wanted ^ pivot.crc) >>> 0;
      solution = (solution ^ pivot.bits) >>> 0;
    }
    rows = rows
      .filter((row) => row !== pivot)
      .map((row) =>
        row.crc >>> bit === 1 ? { crc: (row.crc ^ pivot.crc) >>> 0, bits: (row.bits ^ pivot.bits) >>> 0 } : row,
      );
  }
  return tail(solution);
}
