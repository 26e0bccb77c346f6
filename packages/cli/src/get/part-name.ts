import { createHash } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { KwikError } from '@kwik/wire';
import { errnoOf } from '../errors.js';
import { readNote, type PartNote } from './part-note.js';

/** What file systems take, bytes (Windows counts characters, of which there are no more). */
const MAX_NAME_BYTES = 255;
/** Of what is put behind the name of a part: its note. */
const NOTE_BYTES = Buffer.byteLength('.json');
/** Enough of a digest that two names of one folder do not meet. */
const DIGEST_CHARACTERS = 32;

/** Names that are tried for a part when files of somebody else's have the first ones. */
const MAX_PART_NAMES = 16;

/** Where a part is or is to be, with its note if an earlier download has left one. */
export interface FoundPart {
  readonly path: string;
  readonly note?: PartNote;
}

/**
 * The part of `target` to go on with, or a name for a new one. Names at which something lies that no download has left
 * (a part counts as one only with its note) are passed over, as are those that are `taken`.
 */
export async function findPart(target: string, taken: (path: string) => boolean): Promise<FoundPart> {
  for (let attempt = 0; attempt < MAX_PART_NAMES; attempt++) {
    const path = partPathOf(target, attempt);
    if (taken(path) || taken(`${path}.json`)) continue;
    const [part, noted] = await Promise.all([whatIsAt(path), whatIsAt(`${path}.json`)]);
    if (part === 'nothing' && noted === 'nothing') return { path };
    const note = part !== 'other' && noted === 'file' ? await readNote(`${path}.json`) : undefined;
    if (note !== undefined) return { path, note };
  }
  throw new KwikError(
    'ERR_KWIK_LOCAL_FILE',
    `${partPathOf(target)} and others like it exist and are no downloads; move them away, or choose another name`,
  );
}

async function whatIsAt(path: string): Promise<'nothing' | 'file' | 'other'> {
  try {
    // The link itself: what it leads to is not ours.
    return (await lstat(path)).isFile() ? 'file' : 'other';
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 'nothing';
    throw error;
  }
}

/**
 * The name under which a download to `target` is collected, in the same folder; another one for each `attempt`, for when
 * the name is taken by a file of somebody else's. A name that would become too long is replaced by its digest, so that a
 * later run finds the part again.
 */
export function partPathOf(target: string, attempt = 0): string {
  const name = basename(target);
  const ending = attempt === 0 ? '.kwik-part' : `.kwik-part-${attempt + 1}`;
  const full = `${name}${ending}`;
  if (Buffer.byteLength(full) + NOTE_BYTES <= MAX_NAME_BYTES) return join(dirname(target), full);
  const digest = createHash('sha256').update(name).digest('hex').slice(0, DIGEST_CHARACTERS);
  return join(dirname(target), `.${digest}${ending}`);
}
