import {
  createHash,
  createPrivateKey,
  generateKeyPair,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { isIP } from 'node:net';
import { promisify } from 'node:util';
import { bitString, childrenOf, element, field, integer, objectId, sequence, TAG, time, TRUE } from './der.js';

/**
 * Certificates of development, written here (RFC 5280): Node only reads them, and a library that knows all kinds took as long
 * to load as the rest of a server.
 */

const DAY_MS = 24 * 3600 * 1000;
/** Clocks of one machine agree; a little back-dating forgives a clock that was just set. */
const BACKDATE_MS = 3600 * 1000;
const SERIAL_BYTES = 16;
const PEM_COLUMNS = 64;
/** Of P-256, not compressed; it ends what a public key is written as. */
const POINT_BYTES = 65;

const ECDSA_WITH_SHA256 = sequence(objectId('1.2.840.10045.4.3.2'));
const COMMON_NAME = objectId('2.5.4.3');
const SERVER_AUTH = objectId('1.3.6.1.5.5.7.3.1');
const VERSION_3 = field(0, 'others', integer(Uint8Array.of(2)));
/** `digitalSignature`, and `keyCertSign` with `cRLSign`: the bits from the left, and those at the right that do not count. */
const SIGNS = bitString(Uint8Array.of(0x80), 7);
const ISSUES = bitString(Uint8Array.of(0x06), 1);
/** Fields of a GeneralName. */
const NAME = { dns: 2, ip: 7 } as const;
/** Fields of a TBSCertificate, the version being there. */
const SUBJECT_AT = 5;

export interface KeyAndCertificate {
  readonly keyPem: string;
  readonly certPem: string;
}

interface Statement {
  readonly subject: Uint8Array;
  readonly publicKey: KeyObject;
  readonly days: number;
  readonly extensions: readonly Uint8Array[];
}

/** A self-signed authority. */
export async function makeAuthority(name: string, days: number): Promise<KeyAndCertificate> {
  const { privateKey, publicKey } = await makeKeys();
  const subject = nameOf(name);
  // Of the point alone, without what says which kind of key it is (RFC 5280, section 4.2.1.2).
  const point = publicKey.export({ type: 'spki', format: 'der' }).subarray(-POINT_BYTES);
  const keyId = createHash('sha1').update(point).digest();
  const extensions = [
    critical('2.5.29.19', sequence(TRUE, integer(Uint8Array.of(0)))),
    critical('2.5.29.15', ISSUES),
    extension('2.5.29.14', element(TAG.octetString, keyId)),
  ];
  const certPem = signed({ subject, publicKey, days, extensions }, subject, privateKey);
  return { keyPem: pemOf(privateKey), certPem };
}

/** A server certificate for `names` (host names and addresses), signed by the authority. */
export async function makeServerCertificate(
  authority: KeyAndCertificate,
  names: readonly string[],
  days: number,
): Promise<KeyAndCertificate> {
  const { privateKey, publicKey } = await makeKeys();
  const extensions = [
    critical('2.5.29.19', sequence()),
    critical('2.5.29.15', SIGNS),
    extension('2.5.29.37', sequence(SERVER_AUTH)),
    extension('2.5.29.17', sequence(...names.map(alternativeName))),
  ];
  const statement = { subject: nameOf('kwik server'), publicKey, days, extensions };
  const certPem = signed(statement, subjectOf(authority.certPem), createPrivateKey(authority.keyPem));
  return { keyPem: pemOf(privateKey), certPem };
}

function makeKeys(): Promise<{ privateKey: KeyObject; publicKey: KeyObject }> {
  return promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
}

/** The certificate, as PEM. */
function signed({ subject, publicKey, days, extensions }: Statement, issuer: Uint8Array, issuerKey: KeyObject): string {
  const now = Date.now();
  const statement = sequence(
    VERSION_3,
    integer(serial()),
    ECDSA_WITH_SHA256,
    issuer,
    sequence(time(new Date(now - BACKDATE_MS)), time(new Date(now + days * DAY_MS))),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    field(3, 'others', sequence(...extensions)),
  );
  const signature = sign('sha256', statement, issuerKey);
  return pem(sequence(statement, ECDSA_WITH_SHA256, bitString(signature)), 'CERTIFICATE');
}

function nameOf(commonName: string): Buffer {
  return sequence(element(TAG.set, sequence(COMMON_NAME, element(TAG.utf8, Buffer.from(commonName)))));
}

/** As it stands in the certificate: issuers are compared by their bytes. */
function subjectOf(certPem: string): Uint8Array {
  const [statement] = childrenOf(new X509Certificate(certPem).raw);
  return childrenOf(statement!)[SUBJECT_AT]!;
}

function extension(id: string, value: Uint8Array): Buffer {
  return sequence(objectId(id), element(TAG.octetString, value));
}

/** Who does not know it must not take the certificate. */
function critical(id: string, value: Uint8Array): Buffer {
  return sequence(objectId(id), TRUE, element(TAG.octetString, value));
}

function alternativeName(name: string): Buffer {
  return isIP(name) === 0 ? field(NAME.dns, 'bytes', Buffer.from(name)) : field(NAME.ip, 'bytes', addressOf(name));
}

/** The bytes of an address. */
function addressOf(text: string): Uint8Array {
  if (isIP(text) === 4) return Uint8Array.from(text.split('.').map(Number));
  // A URL writes each in one way, without dots and with `::` at most once.
  const [head = '', tail = ''] = new URL(`http://[${text}]`).hostname.slice(1, -1).split('::');
  const [before, after] = [head, tail].map((part) => (part === '' ? [] : part.split(':')));
  const zeros = new Array<string>(8 - before!.length - after!.length).fill('0');
  return Buffer.from([...before!, ...zeros, ...after!].map((group) => group.padStart(4, '0')).join(''), 'hex');
}

function serial(): Uint8Array {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes[0] = (bytes[0]! & 0x7f) | 0x01;
  return bytes;
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function pem(der: Buffer, label: string): string {
  const lines = der.toString('base64').match(new RegExp(`.{1,${PEM_COLUMNS}}`, 'gu')) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
