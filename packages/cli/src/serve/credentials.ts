import { readFile } from 'node:fs/promises';
import type { ListenOptions } from '@kwik/session';
import { KwikError } from '@kwik/wire';
import { fileError, usageError } from '../errors.js';

export interface CredentialFiles {
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
}

/**
 * What `--cert`, `--key` and `--ca` name, as options of `listen`; none without them. Rejects with a usage error for files
 * that do not go together, ERR_KWIK_CREDENTIALS for one that is no PEM, and the error of one that cannot be read.
 */
export async function readCredentials({
  cert,
  key,
  ca,
}: CredentialFiles): Promise<Pick<ListenOptions, 'credentials' | 'trust'>> {
  if (cert === undefined && key === undefined) {
    if (ca !== undefined)
      throw usageError(
        '--ca needs --cert and --key: the authority of a server without a certificate is the development one',
      );
    return {};
  }
  if (cert === undefined || key === undefined) throw usageError('--cert and --key go together; give both or neither');
  return {
    credentials: { cert: await readPem('--cert', cert), key: await readPem('--key', key) },
    ...(ca === undefined ? {} : { trust: { ca: await readPem('--ca', ca) } }),
  };
}

/** The text of a PEM file, as editors and other systems write it, too: with a byte order mark, or in UTF-16. */
export async function readPem(option: string, path: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw fileError(`read the ${option} file`, path, error);
  }
  const text = decodeText(bytes);
  if (/-----BEGIN ENCRYPTED |^Proc-Type: 4,ENCRYPTED/mu.test(text)) {
    const advice = `take the password off with: openssl pkey -in ${path} -out NEW`;
    throw new KwikError('ERR_KWIK_CREDENTIALS', `${option} ${path} is encrypted; ${advice}`);
  }
  if (!text.includes('-----BEGIN ')) {
    const hint = 'PEM text with lines such as -----BEGIN CERTIFICATE----- is needed; openssl converts other forms';
    throw new KwikError('ERR_KWIK_CREDENTIALS', `${option} ${path} is not a PEM file: ${hint}`);
  }
  return text;
}

function decodeText(bytes: Buffer): string {
  const utf16 = bytes[0] === 0xff && bytes[1] === 0xfe;
  return bytes.toString(utf16 ? 'utf16le' : 'utf8').replace(/^\uFEFF/u, '');
}
