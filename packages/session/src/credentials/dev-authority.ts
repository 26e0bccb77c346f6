import { X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KwikError } from '@kwik/wire';
import type { KeyAndCertificate } from './certificates.js';
import { dataFolder } from './data-folder.js';

const AUTHORITY_DAYS = 365;
const SERVER_DAYS = 30;
/** Made anew when less than this is left, so that no server outlives its authority. */
const RENEW_BEFORE_MS = (SERVER_DAYS + 1) * 24 * 3600 * 1000;
const FOLDER = 'dev-authority';
const CERT_FILE = 'ca.pem';
const KEY_FILE = 'ca.key';

/** The library behind it takes as long to load as all the rest of a program: it comes when there is one to be made. */
const maker = () => import('./certificates.js');

/**
 * The development authority of this user on this machine: trusted for loopback addresses only. Made on first use in the
 * user's data folder, readable by the user alone. Several processes may ask at once: one of them makes it.
 */
export async function developmentAuthority(): Promise<KeyAndCertificate> {
  const folder = join(dataFolder(), FOLDER);
  try {
    const known = await load(folder);
    if (known !== undefined) return known;
    await create(folder);
    const made = await load(folder);
    if (made !== undefined) return made;
  } catch (error) {
    throw new KwikError(
      'ERR_KWIK_CREDENTIALS',
      `the development authority in ${folder} cannot be used: ${(error as Error).message}; set KWIK_DATA_DIR or give credentials`,
      { cause: error },
    );
  }
  throw new KwikError('ERR_KWIK_CREDENTIALS', `the development authority in ${folder} is broken; delete that folder`);
}

/** A fresh certificate for a development server. */
export async function developmentCertificate(names: readonly string[]): Promise<KeyAndCertificate & { ca: string }> {
  const authority = await developmentAuthority();
  const { makeServerCertificate } = await maker();
  return { ...(await makeServerCertificate(authority, names, SERVER_DAYS)), ca: authority.certPem };
}

async function load(folder: string): Promise<KeyAndCertificate | undefined> {
  const certPem = await readIfThere(join(folder, CERT_FILE));
  const keyPem = await readIfThere(join(folder, KEY_FILE));
  if (certPem === undefined || keyPem === undefined) return undefined;
  const leftMs = new Date(new X509Certificate(certPem).validTo).getTime() - Date.now();
  return leftMs > RENEW_BEFORE_MS ? { certPem, keyPem } : undefined;
}

/** Complete in a folder of its own, then renamed: nobody sees half of it, and the first one wins. */
async function create(folder: string): Promise<void> {
  await mkdir(dataFolder(), { recursive: true, mode: 0o700 });
  const draft = await mkdtemp(`${folder}-`);
  try {
    const { makeAuthority } = await maker();
    const authority = await makeAuthority('KWIK development authority', AUTHORITY_DAYS);
    await writeFile(join(draft, KEY_FILE), authority.keyPem, { mode: 0o600 });
    await writeFile(join(draft, CERT_FILE), authority.certPem, { mode: 0o644 });
    if ((await readIfThere(join(folder, CERT_FILE))) !== undefined && (await load(folder)) === undefined) {
      await rename(folder, `${draft}-expired`);
      await rm(`${draft}-expired`, { recursive: true, force: true });
    }
    await rename(draft, folder);
  } catch (error) {
    if (!isTaken(error)) throw error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function isTaken(error: unknown): boolean {
  return ['ENOTEMPTY', 'EEXIST', 'EPERM', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '');
}
