import { createPublicKey, sign, type KeyObject } from 'node:crypto';
import { checkArgument, checkOptions, KwikError, optionRules, type ServerRecord } from '@kwik/wire';
import { aRecord } from '../core/records/server-record.js';
import { signedText } from '../core/records/signed-text.js';
import { requestText, type KeyProof, type KeyRequest } from './key-proof.js';
import { signRecord } from './record-signing.js';

/** A stolen old record is believed for no longer; what changes is signed anew at once, and else when half of it is over. */
const LIFE_MS = 3_600_000;

export interface RecordSignerOptions {
  /** For which the records are: a record of another one is not believed. */
  readonly service: string;
  /** Private, Ed25519. */
  readonly key: KeyObject;
  /** Milliseconds since 1970. Default: `Date.now`. */
  readonly wallClockMs?: () => number;
}

const RULES = optionRules.group<RecordSignerOptions>(
  { service: optionRules.text, key: optionRules.keyObject, wallClockMs: optionRules.call },
  ['service', 'key'],
);

/** Signs what a server announces, as it changes and as time passes. Where nothing has changed, the same signature is given. */
export class RecordSigner {
  readonly #options: RecordSignerOptions;
  readonly #publicKey: string;
  #last: { readonly text: string; readonly signed: ServerRecord } | undefined;

  /** Throws ERR_KWIK_CREDENTIALS for a key of another kind, ERR_KWIK_INVALID_ARGUMENT for what is none. */
  constructor(options: RecordSignerOptions) {
    checkOptions(options, { call: 'RecordSigner', root: RULES });
    const { type, asymmetricKeyType } = options.key;
    if (type !== 'private' || asymmetricKeyType !== 'ed25519') {
      throw new KwikError('ERR_KWIK_CREDENTIALS', 'records are signed with private Ed25519 keys');
    }
    this.#options = options;
    const spki = createPublicKey(options.key).export({ type: 'spki', format: 'der' });
    this.#publicKey = spki.toString('base64url');
  }

  sign(record: ServerRecord): ServerRecord {
    checkArgument('sign', 'record', record, aRecord);
    const { service, key } = this.#options;
    const nowMs = this.#nowMs();
    const text = signedText(service, record, { issuedMs: 0, expiresMs: 0 });
    const last = this.#last;
    const fresh = last?.signed.signature !== undefined && nowMs < last.signed.signature.expiresMs - LIFE_MS / 2;
    // Load is not signed: it changes by the second, and the signature holds all the same.
    if (last?.text === text && fresh) return { ...record, signature: last.signed.signature };
    const signed = signRecord(service, record, key, { nowMs, lifeMs: LIFE_MS });
    this.#last = { text, signed };
    return signed;
  }

  /** For a registry: that who asks holds the key. A record and its signature are there for all to copy. */
  prove(request: Omit<KeyRequest, 'service'>): KeyProof {
    const { service, key } = this.#options;
    const issuedMs = Math.floor(this.#nowMs());
    const text = Buffer.from(requestText({ ...request, service }, issuedMs));
    return { publicKey: this.#publicKey, issuedMs, value: sign(null, text, key).toString('base64url') };
  }

  #nowMs(): number {
    return this.#options.wallClockMs?.() ?? Date.now();
  }
}
