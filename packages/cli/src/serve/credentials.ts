import { readFile } from 'node:fs/promises';
import type { ServerCredentials } from '@kwik/session';
import { KwikError } from '@kwik/wire';
import { fileError, usageError } from '../errors.js';

export interface CredentialFiles {
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
}

/** What `--cert`, `--key` and `--ca` name; undefined without them. */
export async function readCredentials({ cert, key, ca }: CredentialFiles): Promise<ServerCredentials | undefined> {
  if (cert === undefined && key === undefined) {
    if (ca !== undefined)
      throw usageError(
        '--ca needs --cert and --key: the authority of a server without a certificate is the development one',
      );
    return undefined;
  }
  if (cert === undefined || key === undefined) throw usageError('--cert and --key go together; give both or neither');
  return {
    cert: await readPem('--cert', cert),
    key: await readPem('--key', key),
    ...(ca === undefined ? {} : { ca: await readPem('--ca', ca) }),
  };
}

export async function readPem(option: string, path: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw fileError(`read the ${option} file`, path, error);
  }
  // Some editors put a byte order mark before the text.
  text = text.replace(/^\uFEFF/u, '');
  if (/-----BEGIN ENCRYPTED |^Proc-Type: 4,ENCRYPTED/mu.test(text)) {
    const advice = `take the password off with: openssl pkey -in ${path} -out NEW`;
    throw new KwikError('ERR_KWIK_CREDENTIALS', `${option} ${path} is encrypted; ${advice}`);
  }
  if (!text.includes('-----BEGIN ')) throw new KwikError('ERR_KWIK_CREDENTIALS', `${option} ${path} is not a PEM file`);
  return text;
}
