import type { Dirent } from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { KwikError } from '@kwik/wire';
import type { ListEntry, ListPage } from '../protocol/messages.js';
import type { ServedFolder } from './served-folder.js';

/** Bounds of one listing: what a client will fetch in one go, and no endless walk for the server. */
const MAX_ENTRIES = 100_000;
const MAX_DEPTH = 64;
/** Room for the entries in a message of 16,384 bytes. */
const PAGE_BYTES = 15_000;
const PAGE_ENTRIES = 2000;

/** Every file below `path` that the folder serves, sorted; paths are relative to the served folder. */
export async function* listFiles(folder: ServedFolder, path: string, signal: AbortSignal): AsyncGenerator<ListEntry> {
  const top = await folder.resolveInside(path);
  if (!(await lstat(top)).isDirectory()) throw new KwikError('ERR_KWIK_PERMISSION_DENIED', 'it is not a folder');
  let listed = 0;
  for await (const entry of walk(folder, { real: top, path, depth: 0 }, signal)) {
    listed += 1;
    if (listed > MAX_ENTRIES)
      throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', `more than ${MAX_ENTRIES} files; ask for a part`);
    yield entry;
  }
}

/** Entries in pages that fit a message. */
export async function* inPages(entries: AsyncIterable<ListEntry>): AsyncGenerator<ListPage> {
  let page: ListEntry[] = [];
  let bytes = 0;
  for await (const entry of entries) {
    const size = Buffer.byteLength(JSON.stringify(entry)) + 1;
    if (page.length > 0 && (bytes + size > PAGE_BYTES || page.length === PAGE_ENTRIES)) {
      yield { ok: true, entries: page, more: true };
      page = [];
      bytes = 0;
    }
    page.push(entry);
    bytes += size;
  }
  yield { ok: true, entries: page, more: false };
}

interface Place {
  readonly real: string;
  readonly path: string;
  readonly depth: number;
}

async function* walk(folder: ServedFolder, place: Place, signal: AbortSignal): AsyncGenerator<ListEntry> {
  if (signal.aborted) throw new KwikError('ERR_KWIK_ABORTED', 'the listing is no longer wanted');
  if (place.depth > MAX_DEPTH) return;
  // A folder that cannot be read is left out, as are single files that cannot.
  const children = await readdir(place.real, { withFileTypes: true }).catch((): Dirent[] => []);
  children.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const child of children) {
    const path = place.path === '' ? child.name : `${place.path}/${child.name}`;
    if (child.isDirectory()) {
      yield* walk(folder, { real: join(place.real, child.name), path, depth: place.depth + 1 }, signal);
    } else if (child.isFile() || child.isSymbolicLink()) {
      const size = await servedSize(folder, path);
      if (size !== undefined) yield { path, size };
    }
  }
}

/** Size of a file that the folder would serve under `path`; links to folders are not followed, so there are no loops. */
async function servedSize(folder: ServedFolder, path: string): Promise<number | undefined> {
  try {
    const stats = await stat(await folder.resolveInside(path));
    return stats.isFile() ? stats.size : undefined;
  } catch {
    return undefined;
  }
}
