import { readFile } from 'node:fs/promises';
import type { AccessPolicy } from '@kwik/trust';
import { KwikError } from '@kwik/wire';
import { fileError } from '../errors.js';

/** The policy of `--access`, from a JSON file. Rejects with ERR_KWIK_LOCAL_FILE, or ERR_KWIK_INVALID_ARGUMENT for what is none. */
export async function readAccess(path: string): Promise<AccessPolicy> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw fileError('read the --access file', path, error);
  }
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (error) {
    const how = error instanceof Error ? error.message : 'it cannot be read';
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `${path} is no JSON: ${how}`);
  }
  const trust = await import('@kwik/trust');
  return new trust.AccessPolicy(config);
}
