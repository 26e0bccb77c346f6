import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { fileError, usageError } from '../errors.js';
import type { ProcessPages } from './read-process.js';

/** Far above what `kwik support` writes: a page of 1,000 sessions. */
const MAX_BUNDLE_BYTES = 128 * 1024 * 1024;
const BLOCK = 512;
const PAGES = { about: 'about.json', health: 'health.json', metrics: 'metrics.txt' } as const;

/** Reads what `kwik support` wrote: a folder, or a `.tgz`. Rejects with ERR_KWIK_LOCAL_FILE or a usage error. */
export async function readBundle(path: string): Promise<ProcessPages> {
  try {
    const found = await stat(path);
    if (found.size > MAX_BUNDLE_BYTES) throw usageError(`${path} is larger than any bundle of kwik support`);
    const files = found.isDirectory() ? await readFolder(path) : readArchive(await readFile(path), path);
    const page = (name: string): string => {
      const text = files.get(name);
      if (text === undefined) throw usageError(`${path} has no ${name}: it is no bundle of kwik support`);
      return text;
    };
    return { about: page(PAGES.about), health: page(PAGES.health), metrics: page(PAGES.metrics) };
  } catch (error) {
    throw fileError('read the bundle', path, error);
  }
}

async function readFolder(path: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const name of Object.values(PAGES)) {
    const file = join(path, name);
    if ((await stat(file)).size > MAX_BUNDLE_BYTES) throw usageError(`${file} is too large`);
    files.set(name, await readFile(file, 'utf8'));
  }
  return files;
}

/** A gzipped tar, of which only plain files with names of a bundle are looked at; nothing is unpacked to the disk. */
function readArchive(data: Buffer, path: string): Map<string, string> {
  const wanted = new Set<string>(Object.values(PAGES));
  const files = new Map<string, string>();
  const tar = unzipped(data, path);
  for (let at = 0; at + BLOCK <= tar.length; ) {
    const header = tar.subarray(at, at + BLOCK);
    const name = basename(field(header, 0, 100));
    const size = Number.parseInt(field(header, 124, 12), 8);
    if (name === '' || !Number.isSafeInteger(size) || size < 0) break;
    const data_ = tar.subarray(at + BLOCK, at + BLOCK + size);
    if (wanted.has(name) && data_.length === size) files.set(name, data_.toString('utf8'));
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return files;
}

function unzipped(data: Buffer, path: string): Buffer {
  try {
    return gunzipSync(data, { maxOutputLength: MAX_BUNDLE_BYTES });
  } catch {
    throw usageError(`${path} is no .tgz of kwik support, or is larger than any`);
  }
}

function field(header: Buffer, at: number, length: number): string {
  const text = header.toString('latin1', at, at + length);
  return text.slice(0, text.indexOf('\0') < 0 ? undefined : text.indexOf('\0')).trim();
}
