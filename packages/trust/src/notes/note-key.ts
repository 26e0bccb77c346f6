import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto';
import { checkArgument, KwikError, optionRules } from '@kwik/wire';

/** The algorithms of C2SP signed-note: a log's own signature, and a witness's with the time at which it saw the note. */
export const NOTE_ED25519 = 0x01;
export const NOTE_COSIGNATURE = 0x04;
export type NoteAlgorithm = typeof NOTE_ED25519 | typeof NOTE_COSIGNATURE;

const KEY_ID_BYTES = 4;
const ED25519_BYTES = 32;
/** DER of a SubjectPublicKeyInfo (RFC 8410, section 4) up to the 32 bytes of the key. */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const NAME = /^[^\s+]+$/u;

/** A public key that signs notes, under its name. */
export interface NoteKey {
  readonly name: string;
  readonly algorithm: NoteAlgorithm;
  /** 4 bytes: which of several keys of one name it is. */
  readonly id: Uint8Array;
  readonly publicKey: KeyObject;
  /** `name+id+key`, as C2SP writes it: what is handed to whoever verifies. */
  readonly text: string;
}

/** `publicKey`: 32 bytes. Throws ERR_KWIK_INVALID_ARGUMENT for a name with spaces or a plus. */
export function noteKey(name: string, publicKey: Uint8Array, algorithm: NoteAlgorithm = NOTE_ED25519): NoteKey {
  checkArgument('a note key', 'name', name, optionRules.text);
  if (!NAME.test(name) || publicKey.length !== ED25519_BYTES) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', 'a note key has a name without spaces or plus, and 32 bytes');
  }
  const typed = Buffer.concat([Uint8Array.of(algorithm), publicKey]);
  const id = createHash('sha256').update(`${name}\n`).update(typed).digest().subarray(0, KEY_ID_BYTES);
  const der = Buffer.concat([SPKI_PREFIX, publicKey]);
  const text = `${name}+${id.toString('hex')}+${typed.toString('base64')}`;
  return { name, algorithm, id, publicKey: createPublicKey({ key: der, format: 'der', type: 'spki' }), text };
}

/** Reads `name+id+key`. Throws ERR_KWIK_CREDENTIALS for what is none, ERR_KWIK_INVALID_ARGUMENT for what is no text. */
export function parseNoteKey(text: string): NoteKey {
  checkArgument('parseNoteKey', 'text', text, optionRules.text);
  const [name = '', id = '', ...rest] = text.trim().split('+');
  // Base64 may hold a plus as well.
  const typed = Buffer.from(rest.join('+'), 'base64');
  const algorithm = typed[0];
  const known = algorithm === NOTE_ED25519 || algorithm === NOTE_COSIGNATURE;
  if (!known || typed.length !== 1 + ED25519_BYTES || !NAME.test(name)) throw noKey(text);
  const key = noteKey(name, typed.subarray(1), algorithm);
  if (Buffer.from(key.id).toString('hex') !== id.toLowerCase()) throw noKey(text);
  return key;
}

/** The raw public half of an Ed25519 key. */
export function rawPublicKey(key: KeyObject): Uint8Array {
  const der = (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'der', type: 'spki' });
  return der.subarray(der.length - ED25519_BYTES);
}

export function verifies(key: NoteKey, data: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verify(null, data, key.publicKey, signature);
  } catch {
    return false;
  }
}

function noKey(text: string): KwikError {
  const shown = text.trim().slice(0, 60);
  return new KwikError('ERR_KWIK_CREDENTIALS', `not a key of the form name+id+base64: ${JSON.stringify(shown)}`);
}
