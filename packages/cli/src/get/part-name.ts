import { createHash } from 'node:crypto';
import { basename, dirname, join } from 'node:path';

/** What file systems take, bytes (Windows counts characters, of which there are no more). */
const MAX_NAME_BYTES = 255;
/** Of what is put behind the name of a part: its note, while it is written. */
const NOTE_BYTES = Buffer.byteLength('.json.new');
/** Enough of a digest that two names of one folder do not meet. */
const DIGEST_CHARACTERS = 32;

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
