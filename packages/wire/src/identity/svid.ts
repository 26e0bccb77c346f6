import { KwikError } from '../errors/kwik-error.js';
import { isSpiffeUri, parseSpiffeId } from './spiffe-id.js';

/** What the alternative names of a certificate say of a SPIFFE id. */
export type SvidName =
  | { readonly kind: 'none' }
  | { readonly kind: 'id'; readonly id: string }
  /** It claims one, and is no SVID: who asks must not take it for anybody. `reason`: of the certificate, "it has …". */
  | { readonly kind: 'fault'; readonly reason: string };

/** Entries of the text that Node gives: `DNS:a, URI:b`, where any value that could deceive is quoted as in JSON. */
const ENTRY = /(?:"(?:[^"\\]|\\.)*"|[^",])+/gu;
const NAMED = /^([A-Za-z ]+):([\s\S]*)$/u;

/**
 * The SPIFFE id of a leaf certificate, by X509-SVID, section 2: exactly one URI among the alternative names, an id with a path.
 * Names of other kinds may stand beside it, but none that looks like an id. `subjectAltName`: as `X509Certificate` has it.
 */
export function svidName(subjectAltName: string): SvidName {
  const names = (subjectAltName.match(ENTRY) ?? []).map((entry) => NAMED.exec(entry.trim()));
  const values = names.map((name) => ({ kind: name?.[1] ?? '', value: name?.[2] ?? '' }));
  const claims = values.filter(({ value }) => isSpiffeUri(value.replace(/^"/u, '')));
  const [claim] = claims;
  if (claim === undefined) return { kind: 'none' };
  if (claims.some(({ kind }) => kind !== 'URI')) return fault('it has a SPIFFE id that is no URI');
  const uris = values.filter(({ kind }) => kind === 'URI');
  if (uris.length > 1) return fault(`it has ${uris.length} URIs, and one with a SPIFFE id has exactly one`);
  return idOf(claim.value);
}

function idOf(value: string): SvidName {
  try {
    const { path } = parseSpiffeId(value);
    return path === '' ? fault('its SPIFFE id is of a trust domain, not of a workload') : { kind: 'id', id: value };
  } catch (error) {
    return fault(KwikError.from(error).message);
  }
}

function fault(reason: string): SvidName {
  return { kind: 'fault', reason };
}
