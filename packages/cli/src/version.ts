import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

/** Of this package. The module stands in `src`, and what is built of it in `dist`, at the same depth. */
const MANIFEST = new URL('../package.json', import.meta.url);

export const PACKAGE_FOLDER = fileURLToPath(new URL('.', MANIFEST));

export function packageVersion(): string {
  const text = readFileSync(MANIFEST, 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}
