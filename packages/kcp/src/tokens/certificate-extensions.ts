import { KwikError } from '@kwik/wire';

/**
 * What `X509Certificate` of Node does not tell of a certificate, read from its DER (X.690; RFC 5280, section 4.1): the bits
 * of the key usage, and how long a chain an authority may issue.
 */
export interface CertificateExtensions {
  /** Undefined where the certificate does not restrict its key. */
  readonly keyUsage:
    | { readonly digitalSignature: boolean; readonly keyCertSign: boolean; readonly cRLSign: boolean }
    | undefined;
  /** Certificates of authorities that may stand between this one and a leaf; undefined: any number. */
  readonly pathLength: number | undefined;
}

/** 2.5.29.15 and 2.5.29.19, as DER writes them. */
const KEY_USAGE = '551d0f';
const BASIC_CONSTRAINTS = '551d13';
const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  sequence: 0x30,
  extensions: 0xa3,
} as const;
/** Bits of the first byte, the most significant one first (RFC 5280, section 4.2.1.3). */
const DIGITAL_SIGNATURE = 0x80;
const KEY_CERT_SIGN = 0x04;
const CRL_SIGN = 0x02;
/** A chain has six certificates at the most, so any number above says the same. */
const MANY = 255;

interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
}

/** Undefined for what is no certificate; peers choose the bytes. */
export function readExtensions(der: Uint8Array): CertificateExtensions | undefined {
  try {
    const tbs = childrenOf(only(der, TAG.sequence))[0];
    if (tbs === undefined) return undefined;
    const wrapped = childrenOf(tbs.content).find(({ tag }) => tag === TAG.extensions);
    const extensions = wrapped === undefined ? [] : childrenOf(only(wrapped.content, TAG.sequence));
    return { keyUsage: keyUsageOf(extensions), pathLength: pathLengthOf(extensions) };
  } catch (error) {
    if (error instanceof KwikError) return undefined;
    throw error;
  }
}

function keyUsageOf(extensions: readonly Element[]): CertificateExtensions['keyUsage'] {
  const value = valueOf(extensions, KEY_USAGE);
  if (value === undefined) return undefined;
  // The first byte counts the unused bits at the end; without any bit nothing is allowed.
  const bits = only(value, TAG.bitString)[1] ?? 0;
  return {
    digitalSignature: (bits & DIGITAL_SIGNATURE) !== 0,
    keyCertSign: (bits & KEY_CERT_SIGN) !== 0,
    cRLSign: (bits & CRL_SIGN) !== 0,
  };
}

function pathLengthOf(extensions: readonly Element[]): number | undefined {
  const value = valueOf(extensions, BASIC_CONSTRAINTS);
  if (value === undefined) return undefined;
  const length = childrenOf(only(value, TAG.sequence)).find(({ tag }) => tag === TAG.integer);
  if (length === undefined) return undefined;
  return length.content.length === 1 ? length.content[0] : MANY;
}

/** The value of an extension, out of its OCTET STRING; whether it is critical does not matter, for it is obeyed. */
function valueOf(extensions: readonly Element[], oid: string): Uint8Array | undefined {
  for (const { content } of extensions) {
    const [id, ...rest] = childrenOf(content);
    if (id === undefined || Buffer.from(id.content).toString('hex') !== oid) continue;
    return rest.find(({ tag }) => tag === TAG.octetString)?.content;
  }
  return undefined;
}

function only(bytes: Uint8Array, tag: number): Uint8Array {
  const [element] = childrenOf(bytes);
  if (element?.tag !== tag) throw broken('another element was expected');
  return element.content;
}

/** Throws ERR_KWIK_CERTIFICATE where the lengths do not fit. */
function childrenOf(bytes: Uint8Array): Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const start = at + 2 + extraLengthBytes(bytes, at + 1);
    const end = start + lengthAt(bytes, at + 1);
    if (end > bytes.length) throw broken('an element is longer than what holds it');
    elements.push({ tag: bytes[at]!, content: bytes.subarray(start, end) });
    at = end;
  }
  return elements;
}

/** Lengths from 128 on have their number of bytes first (X.690, section 8.1.3.5). */
function extraLengthBytes(bytes: Uint8Array, at: number): number {
  const first = bytes[at];
  if (first === undefined) throw broken('no length');
  if (first < 0x80) return 0;
  const count = first & 0x7f;
  if (count === 0 || count > 3) throw broken('a length that no certificate has');
  return count;
}

function lengthAt(bytes: Uint8Array, at: number): number {
  const count = extraLengthBytes(bytes, at);
  if (count === 0) return bytes[at]!;
  let length = 0;
  for (let i = 1; i <= count; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) throw broken('half a length');
    length = length * 256 + byte;
  }
  return length;
}

function broken(how: string): KwikError {
  return new KwikError('ERR_KWIK_CERTIFICATE', `a certificate that cannot be read: ${how}`);
}
