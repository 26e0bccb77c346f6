const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
/** Between two texts that somebody joined without a line break. */
const SEAM = Buffer.from('----------');
const BROKEN_SEAM = '-----\n-----';

/**
 * PEM as BoringSSL takes it: the mark that some editors put first would hide the first certificate or key, and two texts that
 * were joined on one line are refused.
 */
export function pemText(pem: Uint8Array): Uint8Array {
  const text = BYTE_ORDER_MARK.equals(pem.subarray(0, BYTE_ORDER_MARK.length))
    ? pem.subarray(BYTE_ORDER_MARK.length)
    : pem;
  if (Buffer.from(text.buffer, text.byteOffset, text.length).indexOf(SEAM) < 0) return text;
  const seams = Buffer.from(text).toString('latin1').replaceAll(SEAM.toString(), BROKEN_SEAM);
  return Buffer.from(seams, 'latin1');
}
