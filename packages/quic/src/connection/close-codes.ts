/** RFC 9000, section 20.1. */
export const PROTOCOL_VIOLATION = 0x0a;

/** RFC 9000, section 20.1: what transport error codes mean, in the words of a user. */
const TRANSPORT_CODES: Readonly<Record<number, string>> = {
  0x00: 'no error',
  0x01: 'internal error',
  0x02: 'connection refused',
  0x03: 'more data than flow control allowed',
  0x04: 'more streams than allowed',
  0x05: 'a frame for a stream in the wrong state',
  0x06: 'the final size of a stream changed',
  0x07: 'a frame that could not be decoded',
  0x08: 'bad transport parameters',
  0x09: 'too many connection ids',
  0x0a: 'protocol violation',
  0x0b: 'invalid token',
  0x0c: 'closed by the application during the handshake',
  0x0d: 'too much handshake data',
  0x0e: 'bad key update',
  0x0f: 'a key was used too often',
  0x10: 'no usable path',
};

/** RFC 8446, section 6: TLS alerts, which QUIC carries as 0x100 + alert. */
const TLS_ALERTS: Readonly<Record<number, string>> = {
  40: 'the two ends have no TLS parameters in common',
  42: 'the certificate is bad or not for this name',
  43: 'the certificate is of an unsupported kind, or not for this purpose',
  44: 'the certificate was revoked',
  45: 'the certificate is expired or not yet valid',
  46: 'the certificate is not acceptable',
  48: 'the certificate is of an unknown authority',
  49: 'access denied',
  51: 'a signature or key exchange failed',
  70: 'no common version of TLS',
  80: 'internal error of TLS',
  109: 'a TLS extension is missing',
  112: 'the server does not know this name',
  116: 'a client certificate is required',
  120: 'no application protocol in common (ALPN)',
};

const CRYPTO_ERROR = 0x100;

/** The TLS alert of a transport error code, if it is one. */
export function tlsAlertOf(code: number): number | undefined {
  return code >= CRYPTO_ERROR && code < CRYPTO_ERROR + 0x100 ? code - CRYPTO_ERROR : undefined;
}

export function describeTransportCode(code: number): string {
  const alert = tlsAlertOf(code);
  if (alert !== undefined) return TLS_ALERTS[alert] ?? `TLS alert ${alert}`;
  return TRANSPORT_CODES[code] ?? `transport error ${code}`;
}
