import { sign, type KeyObject } from 'node:crypto';
import { checkArgument, KwikError, optionRules } from '@kwik/wire';
import { NOTE_COSIGNATURE, NOTE_ED25519, noteKey, rawPublicKey, verifies, type NoteKey } from './note-key.js';

/**
 * Signed notes of C2SP (c2sp.org/signed-note): a text that ends with a newline, an empty line, then signatures. Witnesses add
 * their own to those of the log.
 */
export interface SignedNote {
  /** With its last newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

interface NoteSignature {
  readonly name: string;
  /** 4 bytes of the key's id, then the signature. */
  readonly data: Uint8Array;
}

const MAX_NOTE_BYTES = 64 * 1024;
const MAX_SIGNATURES = 64;
const ID_BYTES = 4;
const TIME_BYTES = 8;
const SIGNATURE_LINE = /^\u2014 ([^\s+]+) ([A-Za-z0-9+/]+=*)$/u;

/** Signs notes under one name. */
export class NoteSigner {
  readonly key: NoteKey;
  readonly #private: KeyObject;

  /** Throws ERR_KWIK_INVALID_ARGUMENT for a name with spaces or a plus, ERR_KWIK_CREDENTIALS for a key of another kind. */
  constructor(name: string, privateKey: KeyObject) {
    requirePrivate(privateKey);
    this.key = noteKey(name, rawPublicKey(privateKey));
    this.#private = privateKey;
  }

  /** The note as text. `text` ends with a newline. */
  sign(text: string): string {
    const signature = sign(null, Buffer.from(text, 'utf8'), this.#private);
    return `${text}\n${signatureLine(this.key, signature)}`;
  }
}

/** A witness's signature over the same text, with the time at which it saw it (c2sp.org/tlog-cosignature). */
export function cosign(note: string, name: string, privateKey: KeyObject, nowMs: number): string {
  requirePrivate(privateKey);
  checkArgument('cosign', 'nowMs', nowMs, optionRules.amount);
  const key = noteKey(name, rawPublicKey(privateKey), NOTE_COSIGNATURE);
  const seconds = Math.floor(nowMs / 1000);
  const time = Buffer.alloc(TIME_BYTES);
  time.writeBigUInt64BE(BigInt(seconds));
  const signature = sign(null, cosigned(parseNote(note).text, seconds), privateKey);
  return note + signatureLine(key, Buffer.concat([time, signature]));
}

/** Throws ERR_KWIK_INVALID_MESSAGE for what is no note, ERR_KWIK_INVALID_ARGUMENT for what is no text. */
export function parseNote(note: string): SignedNote {
  checkArgument('a note', 'text', note, optionRules.text);
  if (Buffer.byteLength(note) > MAX_NOTE_BYTES) throw noNote('it is too long');
  const end = note.lastIndexOf('\n\n');
  if (end < 0 || !note.endsWith('\n')) throw noNote('it has no signatures');
  const lines = note.slice(end + 2, -1).split('\n');
  if (lines.length > MAX_SIGNATURES) throw noNote(`more than ${MAX_SIGNATURES} signatures`);
  const signatures = lines.map((line) => {
    const [, name, base64] = SIGNATURE_LINE.exec(line) ?? [];
    if (name === undefined || base64 === undefined) throw noNote('a line below the empty one is no signature');
    return { name, data: Buffer.from(base64, 'base64') };
  });
  return { text: note.slice(0, end + 1), signatures };
}

/** Whether the note bears a valid signature of the key. */
export function signedBy(note: SignedNote, key: NoteKey): boolean {
  return note.signatures.some(({ name, data }) => {
    if (name !== key.name || Buffer.compare(data.subarray(0, ID_BYTES), key.id) !== 0) return false;
    const rest = data.subarray(ID_BYTES);
    if (key.algorithm === NOTE_ED25519) return verifies(key, Buffer.from(note.text, 'utf8'), rest);
    if (rest.length <= TIME_BYTES) return false;
    const seconds = Number(Buffer.from(rest).readBigUInt64BE());
    return verifies(key, cosigned(note.text, seconds), rest.subarray(TIME_BYTES));
  });
}

function requirePrivate(key: KeyObject): void {
  checkArgument('a note', 'key', key, optionRules.keyObject);
  if (key.type === 'private' && key.asymmetricKeyType === 'ed25519') return;
  throw new KwikError('ERR_KWIK_CREDENTIALS', 'notes are signed with private Ed25519 keys');
}

function cosigned(text: string, seconds: number): Uint8Array {
  return Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`, 'utf8');
}

function signatureLine({ name, id }: NoteKey, signature: Uint8Array): string {
  return `\u2014 ${name} ${Buffer.concat([id, signature]).toString('base64')}\n`;
}

function noNote(why: string): KwikError {
  return new KwikError('ERR_KWIK_INVALID_MESSAGE', `not a signed note: ${why}`);
}
