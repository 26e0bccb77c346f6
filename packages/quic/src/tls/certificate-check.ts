import { createHash, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { isSpiffeUri, KwikError, parseSpiffeId, svidName } from '@kwik/wire';
import type { TrustOptions } from './trust-options.js';
import { withoutZone } from '../socket/zone.js';
import type { ParsedCertificates } from './parsed-certificates.js';

/** Trust options that were read and found usable. */
export interface ResolvedTrust {
  /** PEM; absent when only pins count, or nothing does. */
  readonly caPem: Uint8Array | undefined;
  /** Read only to find out why a server was refused; throws `ERR_KWIK_CREDENTIALS`. */
  authorities(): readonly X509Certificate[];
  /** SHA-256 of an SPKI, lower-case hex; one must match when there are any. */
  readonly pins: readonly string[];
  /** What its SPKI must have besides. */
  readonly requiredPin: string | undefined;
  /** What the certificate must be for. */
  readonly name: string;
  /** Of servers dialled lately: their certificates are parsed once, and checked at each dial. */
  readonly parsed: ParsedCertificates;
}

const SHA256_HEX = /^[0-9a-f]{64}$/i;
const SHA256_BASE64 = /^[A-Za-z0-9+/]{43}=?$/;
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/**
 * Throws `ERR_KWIK_CREDENTIALS` when there is nothing to verify with, or it cannot be read, and `ERR_KWIK_INVALID_ARGUMENT`
 * where the name is a SPIFFE id that is none.
 */
export function resolveTrust(trust: TrustOptions, name: string, parsed: ParsedCertificates): ResolvedTrust {
  const pins = (trust.pins ?? []).map(normalizePin);
  const expected = expectedName(trust.verifyHostName ?? name);
  const ca = authoritiesFor(trust, expected);
  const pem = ca === undefined ? undefined : Buffer.from(ca);
  if (pem === undefined && pins.length === 0 && trust.unverified !== true) {
    throw new KwikError(
      'ERR_KWIK_CREDENTIALS',
      `nothing to check the certificate of ${name} with: give trust.ca (the authority's certificate, PEM) or trust.pins`,
    );
  }
  // TLS reads them for itself; here it would take as long as the rest of a handshake.
  const authorities = (): X509Certificate[] =>
    pem === undefined ? [] : readCertificates(pem.toString('latin1'), 'trust.ca');
  if (pem !== undefined) requireCertificate(pem.toString('latin1'), 'trust.ca');
  const requiredPin = trust.requiredPin === undefined ? undefined : normalizePin(trust.requiredPin);
  return { caPem: pem, authorities, pins, requiredPin, name: expected, parsed };
}

function authoritiesFor({ ca, trustDomains }: TrustOptions, name: string): string | Uint8Array | undefined {
  if (trustDomains === undefined || !isSpiffeUri(name)) return ca;
  const { trustDomain } = parseSpiffeId(name);
  if (Object.hasOwn(trustDomains, trustDomain)) return trustDomains[trustDomain];
  throw new KwikError(
    'ERR_KWIK_CREDENTIALS',
    `no authority may vouch for ${name}: give those of the trust domain ${trustDomain} in trust.trustDomains`,
  );
}

function expectedName(name: string): string {
  if (!isSpiffeUri(name)) return withoutZone(name);
  if (parseSpiffeId(name).path !== '') return name;
  throw new KwikError(
    'ERR_KWIK_INVALID_ARGUMENT',
    `${name} is the SPIFFE id of a trust domain; that of a server has a path`,
  );
}

/** The certificates of a PEM text; `ERR_KWIK_CREDENTIALS` when there is none or one cannot be read. */
export function readCertificates(pem: string, what: string): X509Certificate[] {
  return requireCertificate(pem, what).map((block) => {
    try {
      return new X509Certificate(block);
    } catch (cause) {
      throw new KwikError('ERR_KWIK_CREDENTIALS', `${what} holds a certificate that cannot be read`, { cause });
    }
  });
}

function requireCertificate(pem: string, what: string): string[] {
  const blocks = pem.match(PEM_CERTIFICATE) ?? [];
  if (blocks.length > 0) return blocks;
  throw new KwikError(
    'ERR_KWIK_CREDENTIALS',
    `${what} holds no certificate: PEM text with "BEGIN CERTIFICATE" is needed`,
  );
}

/** SHA-256 of the certificate's public key (SPKI), lower-case hex: what a pin names. */
export function spkiPin(certificate: X509Certificate): string {
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(spki).digest('hex');
}

/**
 * What is wrong with the chain (DER, leaf first) that a server presented, or nothing. `chainVerified`: TLS has led it
 * to one of the authorities; that is not done here. Name, dates and pin are, whatever TLS has looked at.
 */
export function certificateProblem(
  chain: readonly Uint8Array[],
  trust: ResolvedTrust,
  chainVerified: boolean,
  wallMs: number,
): string | undefined {
  const leaf = readLeaf(chain, trust);
  if (typeof leaf === 'string') return leaf;
  const pinned = pinProblem(leaf, trust);
  if (pinned !== undefined) return pinned;
  if (trust.caPem === undefined) return undefined;
  const problem = datesProblem(leaf, wallMs) ?? nameProblem(leaf, trust.name);
  if (problem !== undefined) return problem;
  return chainVerified ? undefined : authorityProblem(leaf, trust);
}

/** RFC 8446, section 6.2: unknown_ca. */
const UNKNOWN_AUTHORITY_ALERT = 48;

/** Why TLS refused the chain: what can be seen in it, or else what the alert says (`why`). */
export function refusedByTls(
  chain: readonly Uint8Array[],
  trust: ResolvedTrust,
  alert: number,
  why: string,
  wallMs: number,
): string {
  const led = alert !== UNKNOWN_AUTHORITY_ALERT && leadsToAuthority(chain, trust);
  return certificateProblem(chain, trust, led, wallMs) ?? `it was refused: ${why}`;
}

/** Whether a trusted authority signed one of the certificates; its name on one is not enough. */
function leadsToAuthority(chain: readonly Uint8Array[], trust: ResolvedTrust): boolean {
  try {
    const authorities = trust.authorities();
    const shown = chain.map((der) => new X509Certificate(der));
    return shown.some((one) => authorities.some((by) => one.checkIssued(by) && one.verify(by.publicKey)));
  } catch {
    return false;
  }
}

function readLeaf(chain: readonly Uint8Array[], trust: ResolvedTrust): X509Certificate | string {
  const der = chain[0];
  if (der === undefined) return 'the server presented no certificate';
  try {
    return trust.parsed.get(der);
  } catch {
    return 'the server presented a certificate that cannot be read';
  }
}

function pinProblem(leaf: X509Certificate, trust: ResolvedTrust): string | undefined {
  if (trust.pins.length === 0 && trust.requiredPin === undefined) return undefined;
  const pin = readablePin(leaf);
  if (pin === undefined) return 'its public key cannot be read';
  if (trust.requiredPin !== undefined && pin !== trust.requiredPin) {
    return `its key has the pin ${pin}, not ${trust.requiredPin}, which alone this dial accepts`;
  }
  if (trust.pins.length === 0 || trust.pins.includes(pin)) return undefined;
  return (
    `its key has the pin ${pin}, which is not among the ${trust.pins.length} expected; if the server's key was changed ` +
    'on purpose, pin the new one'
  );
}

/** Undefined for a key that OpenSSL cannot read, which a certificate may hold all the same. */
function readablePin(leaf: X509Certificate): string | undefined {
  try {
    return spkiPin(leaf);
  } catch {
    return undefined;
  }
}

function datesProblem(leaf: X509Certificate, wallMs: number): string | undefined {
  if (wallMs > Date.parse(leaf.validTo)) return `it expired on ${leaf.validTo}; the server needs a new one`;
  if (wallMs < Date.parse(leaf.validFrom)) {
    return `it is valid only from ${leaf.validFrom}; check the clock of this machine (${new Date(wallMs).toISOString()})`;
  }
  return undefined;
}

function nameProblem(leaf: X509Certificate, name: string): string | undefined {
  if (isSpiffeUri(name)) return spiffeProblem(leaf, name);
  // A common name alone does not count (RFC 9525, section 2).
  const matches = isIP(name) === 0 ? leaf.checkHost(name, { subject: 'never' }) : leaf.checkIP(name);
  if (matches !== undefined) return undefined;
  return `it is not for "${name}" but for: ${alternativeNames(leaf)}; dial one of these, or have ${name} added to the certificate`;
}

function spiffeProblem(leaf: X509Certificate, id: string): string | undefined {
  const names = alternativeNames(leaf);
  const svid = svidName(names);
  if (svid.kind === 'fault') return svid.reason;
  if (svid.kind === 'id' && svid.id === id) return leaf.ca ? 'it is of an authority, not of a server' : undefined;
  return `it is not for "${id}" but for: ${names}; dial with one of these, or have the id added to the certificate`;
}

/** Node 22 and later throw where the certificate has the extension with no name in it; Node 20 gives an empty text. */
function alternativeNames(leaf: X509Certificate): string {
  let names: string | undefined;
  try {
    names = leaf.subjectAltName;
  } catch {
    names = undefined;
  }
  return names === undefined || names === '' ? 'no subject alternative names at all' : names;
}

function authorityProblem(leaf: X509Certificate, trust: ResolvedTrust): string {
  const authorities = trust.authorities();
  if (authorities.some((authority) => authority.subject === leaf.issuer)) {
    return (
      `it was issued by an authority that is called "${oneLine(leaf.issuer)}", as a trusted one is, but has another key; ` +
      'give the authority that issued it, or check that this is the right server'
    );
  }
  const known = authorities.map((authority) => oneLine(authority.subject)).join('; ');
  const issuer = leaf.issuer === leaf.subject ? 'itself (self-signed)' : `"${oneLine(leaf.issuer)}"`;
  return (
    `it was issued by ${issuer}, which does not lead to any trusted authority (trusted: ${known}); ` +
    'give the authority that issued it, or check that this is the right server'
  );
}

function normalizePin(pin: string): string {
  const compact = pin.replaceAll(':', '');
  if (SHA256_HEX.test(compact)) return compact.toLowerCase();
  if (SHA256_BASE64.test(pin)) return Buffer.from(pin, 'base64').toString('hex');
  throw new KwikError('ERR_KWIK_CREDENTIALS', `the pin "${pin}" is not a SHA-256 in hexadecimal (64 digits) or base64`);
}

function oneLine(distinguishedName: string): string {
  return distinguishedName.replaceAll('\n', ', ');
}
