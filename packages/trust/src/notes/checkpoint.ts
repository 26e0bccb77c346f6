import { KwikError } from '@kwik/wire';
import { HASH_BYTES, type Hash } from '../merkle/hashes.js';
import { parseNote, type SignedNote } from './signed-note.js';

/** What a log commits to (c2sp.org/tlog-checkpoint): all entries up to `size`, and no others. */
export interface Checkpoint {
  /** Which log. */
  readonly origin: string;
  readonly size: number;
  readonly root: Hash;
}

export interface SignedCheckpoint extends Checkpoint {
  readonly note: SignedNote;
}

const SIZE = /^(0|[1-9]\d{0,15})$/u;

/** The text of the note. */
export function checkpointText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${Buffer.from(root).toString('base64')}\n`;
}

/** Throws ERR_KWIK_INVALID_MESSAGE. Signatures are not looked at. Further lines of the text are extensions, and ignored. */
export function parseCheckpoint(text: string): SignedCheckpoint {
  const note = parseNote(text);
  const [origin = '', size = '', base64 = ''] = note.text.split('\n');
  const root = Buffer.from(base64, 'base64');
  // Base64 that is not as it should be says something else when it is written again.
  const sound = origin !== '' && SIZE.test(size) && root.length === HASH_BYTES && root.toString('base64') === base64;
  if (!sound) throw new KwikError('ERR_KWIK_INVALID_MESSAGE', 'not a checkpoint: it needs origin, size and root');
  return { origin, size: Number(size), root, note };
}
