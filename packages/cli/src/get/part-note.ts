import { readFile, stat } from 'node:fs/promises';
import { z } from 'zod';
import { writeWhole } from '../whole-file.js';

/** What a part is a part of; kept beside it so that a later run can resume. */
export interface PartNote {
  readonly url: string;
  /** Of the whole file, bytes. */
  readonly size: number;
  readonly etag: string;
}

/** A note is some hundred bytes; a larger file is not one. */
const MAX_NOTE_BYTES = 16_384;

const schema = z.object({
  v: z.literal(1),
  url: z.string(),
  size: z.number().int().min(0),
  etag: z.string(),
});

/** Undefined when there is none that can be used: the bytes of the part then speak for themselves. */
export async function readNote(path: string): Promise<PartNote | undefined> {
  try {
    if ((await stat(path)).size > MAX_NOTE_BYTES) return undefined;
    return schema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined;
  }
}

/** Whole or not at all. */
export async function writeNote(path: string, { url, size, etag }: PartNote): Promise<void> {
  await writeWhole(path, `${JSON.stringify({ v: 1, url, size, etag })}\n`);
}
