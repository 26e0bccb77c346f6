import { KwikError } from '../errors/kwik-error.js';

/** A SPIFFE id in its parts: `spiffe://` trust domain, path. */
export interface SpiffeId {
  readonly trustDomain: string;
  /** From its slash on; empty where the id is of the trust domain itself. */
  readonly path: string;
}

/** SPIFFE-ID, section 2.3: all bytes of an id. */
const MAX_ID_BYTES = 2048;
/** Of them the trust domain (section 2.1). */
const MAX_TRUST_DOMAIN_BYTES = 255;
const SCHEME = 'spiffe://';
const TRUST_DOMAIN = /^[a-z0-9._-]+$/;
const SEGMENT = /^[A-Za-z0-9._-]+$/;
/** What a pattern has besides: `*` for any run of characters. */
const SEGMENT_PATTERN = /^[A-Za-z0-9._*-]+$/;

/** Whether a text wants to be a SPIFFE id, valid or not: a scheme has no case (RFC 3986), and what looks like one must be one. */
export function isSpiffeUri(text: string): boolean {
  return /^\s*spiffe:/iu.test(text);
}

/** Throws ERR_KWIK_INVALID_ARGUMENT, which says what is wrong with it. Nothing is mended: an id has one form. */
export function parseSpiffeId(text: string): SpiffeId {
  return parse(text, SEGMENT);
}

/**
 * Checks a pattern of SPIFFE ids: an id whose path may have `*`. The trust domain has none, or `spiffe://example.org*` would let
 * in `example.org.evil.example`. Throws ERR_KWIK_INVALID_ARGUMENT as `parseSpiffeId` does.
 */
export function checkSpiffePattern(text: string): void {
  parse(text, SEGMENT_PATTERN);
}

function parse(text: string, segmentForm: RegExp): SpiffeId {
  if (text.length > MAX_ID_BYTES) throw invalid(`${text.slice(0, 64)}…`, `it has more than ${MAX_ID_BYTES} bytes`);
  if (!text.startsWith(SCHEME)) throw invalid(text, `it does not begin with ${SCHEME}, in lower case`);
  const slash = text.indexOf('/', SCHEME.length);
  const trustDomain = text.slice(SCHEME.length, slash < 0 ? undefined : slash);
  const path = slash < 0 ? '' : text.slice(slash);
  const fault = trustDomainFault(trustDomain) ?? pathFault(path, segmentForm);
  if (fault !== undefined) throw invalid(text, fault);
  return { trustDomain, path };
}

function trustDomainFault(domain: string): string | undefined {
  if (domain === '') return 'it has no trust domain';
  if (domain.length > MAX_TRUST_DOMAIN_BYTES) return `its trust domain has more than ${MAX_TRUST_DOMAIN_BYTES} bytes`;
  if (TRUST_DOMAIN.test(domain)) return undefined;
  if (domain.includes('@') || domain.includes(':')) return 'its trust domain has a user or a port';
  if (/[?#]/u.test(domain)) return 'it has a query or a fragment';
  return 'its trust domain has other characters than lower-case letters, digits, dots, dashes and underscores';
}

function pathFault(path: string, segmentForm: RegExp): string | undefined {
  if (path === '') return undefined;
  const segments = path.slice(1).split('/');
  if (segments.includes('')) return 'its path has an empty segment, or a slash at its end';
  if (segments.some((segment) => segment === '.' || segment === '..')) return 'its path has a dot segment';
  if (segments.every((segment) => segmentForm.test(segment))) return undefined;
  if (/[?#]/u.test(path)) return 'it has a query or a fragment';
  return 'its path has other characters than letters, digits, dots, dashes and underscores';
}

function invalid(text: string, why: string): KwikError {
  return new KwikError('ERR_KWIK_INVALID_ARGUMENT', `${JSON.stringify(text)} is no SPIFFE id: ${why}`);
}
