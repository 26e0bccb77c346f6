import { createHash, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import {
  checkArgument,
  checkOptions,
  KwikError,
  optionRules,
  type RecordVerifier,
  type ServerRecord,
} from '@kwik/wire';
import { aRecord } from '../core/records/server-record.js';
import { signedText } from '../core/records/signed-text.js';

/** Longer, and a stolen old record would be believed for long; a server signs anew when half of it is over. */
const MAX_LIFE_MS = 24 * 3_600_000;
/** Clocks differ. */
const SKEW_MS = 60_000;

/** SHA-256 of the public key (SPKI), hexadecimal: how a signature names its key. */
export function signingKeyId(key: KeyObject): string {
  checkArgument('signingKeyId', 'key', key, optionRules.keyObject);
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

/**
 * The record with an Ed25519 signature, good for `lifeMs` (a day at the most). Throws ERR_KWIK_CREDENTIALS for another kind of key.
 */
export function signRecord(
  service: string,
  record: ServerRecord,
  key: KeyObject,
  { nowMs, lifeMs }: { readonly nowMs: number; readonly lifeMs: number },
): ServerRecord {
  checkArgument('signRecord', 'service', service, optionRules.text);
  checkArgument('signRecord', 'record', record, aRecord);
  checkArgument('signRecord', 'key', key, optionRules.keyObject);
  requireEd25519(key);
  const times = { issuedMs: Math.floor(nowMs), expiresMs: Math.floor(nowMs + Math.min(lifeMs, MAX_LIFE_MS)) };
  const value = sign(null, Buffer.from(signedText(service, record, times)), key).toString('base64url');
  return { ...record, signature: { keyId: signingKeyId(key), ...times, value } };
}

const VOUCHED = optionRules.group<Vouched>(
  { key: optionRules.keyObject, serverIds: optionRules.list(optionRules.text) },
  ['key'],
);
const SIGNED_RULES = optionRules.group<Parameters<typeof signedRecords>[0]>(
  {
    service: optionRules.text,
    keys: optionRules.list(VOUCHED),
    sources: optionRules.list(optionRules.text),
  },
  ['service', 'keys'],
);

interface Vouched {
  readonly key: KeyObject;
  readonly serverIds?: readonly string[];
}

/**
 * Believes records that one of these public keys has signed for this service, from `sources` (all, by default); those of other
 * sources are believed as they are. A key that is `only` for some servers vouches for no others.
 */
export function signedRecords(options: {
  readonly service: string;
  readonly keys: readonly { readonly key: KeyObject; readonly serverIds?: readonly string[] }[];
  readonly sources?: readonly string[];
}): RecordVerifier {
  checkOptions(options, { call: 'signedRecords', root: SIGNED_RULES });
  const keys = new Map(options.keys.map((entry) => [signingKeyId(entry.key), entry]));
  for (const { key } of keys.values()) requireEd25519(key);
  return {
    refusal: (record, source, nowMs) => {
      if (options.sources?.includes(source) === false) return undefined;
      const { signature, serverId } = record;
      if (signature === undefined) return 'nobody has signed it';
      const entry = keys.get(signature.keyId);
      if (entry === undefined) return 'it is signed by a key that is not known';
      if (entry.serverIds?.includes(serverId) === false) return `its key does not vouch for '${serverId}'`;
      if (signature.issuedMs > nowMs + SKEW_MS) return 'its signature is from the future';
      if (signature.expiresMs < nowMs - SKEW_MS) return 'its signature has expired';
      if (signature.expiresMs - signature.issuedMs > MAX_LIFE_MS) return 'its signature is good for too long';
      const text = Buffer.from(signedText(options.service, record, signature));
      return verify(null, text, entry.key, Buffer.from(signature.value, 'base64url'))
        ? undefined
        : 'its signature is wrong';
    },
  };
}

function requireEd25519(key: KeyObject): void {
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new KwikError('ERR_KWIK_CREDENTIALS', 'records are signed with Ed25519 keys');
  }
}
