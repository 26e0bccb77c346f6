import type { Dirent } from 'node:fs';
import { access, constants, lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { KwikError } from '@kwik/wire';
import { errnoOf, reportError } from '../errors.js';
import type { ListEntry, ListPage, Omission } from '../protocol/messages.js';
import { oneLine } from '../ui/text.js';
import type { ServedFolder } from './served-folder.js';
import { parseServedPath } from './served-path.js';

/** Bounds of one listing: what a client will fetch in one go, and no endless walk for the server. */
const MAX_ENTRIES = 100_000;
const MAX_DEPTH = 64;
/** Room for the entries in a message of 16,384 bytes. */
const PAGE_BYTES = 15_000;
const PAGE_ENTRIES = 2000;
/** Of why something is left out. */
const MAX_REASON_CHARACTERS = 200;

type Resolver = Pick<ServedFolder, 'resolveInside'>;

/** A file of a listing, or something that could not be looked at: nothing is left out silently. */
export type Listed = ListEntry | Omission;

/**
 * Every file below `path` that the folder serves, sorted; paths are relative to the served folder. What cannot be read
 * or asked for comes as an omission. Links that lead nowhere, out of the folder or to folders are not served, and so not
 * listed.
 */
export async function* listFiles(folder: Resolver, path: string, signal: AbortSignal): AsyncGenerator<Listed> {
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
export async function* inPages(entries: AsyncIterable<Listed>): AsyncGenerator<ListPage> {
  let page = emptyPage();
  let bytes = 0;
  for await (const entry of entries) {
    const size = Buffer.byteLength(JSON.stringify(entry)) + 1;
    const count = page.entries.length + page.omitted.length;
    if (count > 0 && (bytes + size > PAGE_BYTES || count === PAGE_ENTRIES)) {
      yield { ok: true, ...page, more: true };
      page = emptyPage();
      bytes = 0;
    }
    if (isOmission(entry)) page.omitted.push(entry);
    else page.entries.push(entry);
    bytes += size;
  }
  yield { ok: true, ...page, more: false };
}

function isOmission(listed: Listed): listed is Omission {
  return 'reason' in listed;
}

function emptyPage(): { readonly entries: ListEntry[]; readonly omitted: Omission[] } {
  return { entries: [], omitted: [] };
}

interface Place {
  readonly real: string;
  readonly path: string;
  readonly depth: number;
}

async function* walk(folder: Resolver, place: Place, signal: AbortSignal): AsyncGenerator<Listed> {
  if (signal.aborted) throw new KwikError('ERR_KWIK_ABORTED', 'the listing is no longer wanted');
  if (place.depth > MAX_DEPTH) {
    yield { path: place.path, reason: `it is more than ${MAX_DEPTH} folders deep` };
    return;
  }
  const children = await childrenOf(place);
  if (!Array.isArray(children)) {
    yield children;
    return;
  }
  for (const child of children) {
    const path = place.path === '' ? child.name : `${place.path}/${child.name}`;
    if (child.isDirectory()) {
      yield* walk(folder, { real: join(place.real, child.name), path, depth: place.depth + 1 }, signal);
    } else if (child.isFile() || child.isSymbolicLink()) {
      const listed = unaskable(path) ?? (await look(folder, path));
      if (listed !== undefined) yield listed;
    }
  }
}

/** What is in a folder, sorted; the omission of the folder if it cannot be read. */
async function childrenOf(place: Place): Promise<Dirent[] | Omission> {
  try {
    const children = await readdir(place.real, { withFileTypes: true });
    return children.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    return { path: place.path === '' ? '.' : place.path, reason: reasonOf(error) };
  }
}

/** Size of a file that the folder would serve under `path`; links to folders are not followed, so there are no loops. */
async function look(folder: Resolver, path: string): Promise<Listed | undefined> {
  try {
    const real = await folder.resolveInside(path);
    const stats = await stat(real);
    if (!stats.isFile()) return undefined;
    await access(real, constants.R_OK);
    return { path, size: stats.size };
  } catch (error) {
    return isNotServed(error) ? undefined : { path, reason: reasonOf(error) };
  }
}

/** The omission of a file whose name no request can hold. */
function unaskable(path: string): Omission | undefined {
  // What the system puts in place of bytes that are no UTF-8.
  if (path.includes('\uFFFD')) return { path, reason: 'its name is not valid UTF-8' };
  try {
    parseServedPath(path);
    return undefined;
  } catch (error) {
    return { path, reason: reasonOf(error) };
  }
}

/** Not there, or outside: nobody could get it, listed or not. */
function isNotServed(error: unknown): boolean {
  if (!(error instanceof KwikError)) return errnoOf(error) === 'ENOENT';
  if (error.code === 'ERR_KWIK_SOURCE_NOT_FOUND') return true;
  return error.code === 'ERR_KWIK_PERMISSION_DENIED' && error.cause === undefined;
}

function reasonOf(error: unknown): string {
  return oneLine(reportError(error).message, MAX_REASON_CHARACTERS);
}
