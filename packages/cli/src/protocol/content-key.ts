import { z } from 'zod';
import { MAX_PATH_CHARACTERS } from './messages.js';

/**
 * Names the part of a file that a multi-source stream carries. The session treats it as opaque; every server of the
 * session resolves it to its own copy, and only if that copy has the same size.
 */
export interface ContentKey {
  readonly path: string;
  /** Of the whole file, bytes. */
  readonly size: number;
  /** The content is the file from here to its end. */
  readonly offset: number;
}

const PREFIX = 'kwik-file:';
/** Three members and a path in which every character is escaped. */
const MAX_KEY_CHARACTERS = 6 * MAX_PATH_CHARACTERS + 128;

const schema = z.object({
  path: z.string().min(1).max(MAX_PATH_CHARACTERS),
  size: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  offset: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
});

export function encodeContentKey({ path, size, offset }: ContentKey): string {
  return PREFIX + JSON.stringify({ path, size, offset });
}

/** Undefined for keys of other applications and for nonsense. */
export function decodeContentKey(key: string): ContentKey | undefined {
  if (key.length > MAX_KEY_CHARACTERS || !key.startsWith(PREFIX)) return undefined;
  try {
    const parsed = schema.safeParse(JSON.parse(key.slice(PREFIX.length)));
    return parsed.success && parsed.data.offset <= parsed.data.size ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
