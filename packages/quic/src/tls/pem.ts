const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** PEM as BoringSSL takes it: the mark that some editors put first would hide the first certificate or key. */
export function withoutByteOrderMark(pem: Uint8Array): Uint8Array {
  return BYTE_ORDER_MARK.equals(pem.subarray(0, BYTE_ORDER_MARK.length)) ? pem.subarray(BYTE_ORDER_MARK.length) : pem;
}
