import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** Of this package; src and dist lie at the same depth. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}
