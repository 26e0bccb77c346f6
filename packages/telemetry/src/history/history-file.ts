import { open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { KwikError } from '@kwik/wire';
import { MAX_HOURS, MAX_MINUTES, type HistoryRow, type HistoryServer } from './history-rows.js';

export interface HistoryRows {
  readonly minutes: readonly HistoryRow[];
  readonly hours: readonly HistoryRow[];
}

const VERSION = 1;
/** As much as 17 servers with long names make of a day and a month, twice over. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;
/** What is older is written by nobody any more. */
const UNFINISHED_MS = 60_000;
/** Broken files that are kept, the last ones: what broke them may be found there. */
const MAX_BROKEN = 5;
const BROKEN = /^broken(?:\.([1-9]\d{0,8}))?$/u;
const NEXT = /^\d{1,10}\.new$/u;
const FIGURES = ['receivedBytes', 'sentBytes', 'rttMs', 'lossRate', 'paths', 'well'] as const;

/**
 * Rejects with ERR_KWIK_LOCAL_FILE for what is no file: a device would be moved aside, and a file put in its place, and a pipe
 * would be waited for.
 */
export async function requireFile(path: string): Promise<void> {
  // Not there yet; or it cannot be looked at, which reading or writing it says best.
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || found.isFile()) return;
  const what = found.isDirectory() ? 'a folder' : 'a device, a pipe or a socket';
  throw new KwikError('ERR_KWIK_LOCAL_FILE', `${path} is ${what}; a history is a file`);
}

/**
 * Nothing where there is no file yet. One that is none of ours, or broken, is moved aside, and told of. Rejects with
 * ERR_KWIK_LOCAL_FILE where that cannot be, so that it is not written over.
 */
export async function readHistory(path: string, onFault: (error: Error) => void): Promise<HistoryRows> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      if (size > MAX_FILE_BYTES) throw broken(`it has more than ${MAX_FILE_BYTES} bytes`);
      return parsed(JSON.parse(await file.readFile('utf8')));
    } finally {
      await file.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') {
      const aside = await moveAside(path).catch((cause: unknown) => {
        const why = `(${messageOf(error)}), nor moved aside: ${messageOf(cause)}`;
        throw new KwikError('ERR_KWIK_LOCAL_FILE', `the history in ${path} cannot be read ${why}`, { cause });
      });
      onFault(new Error(`the history in ${path} cannot be read (${messageOf(error)}); it is ${aside} now`));
    }
    return { minutes: [], hours: [] };
  }
}

/**
 * To `.broken`, or `.broken.1`, `.broken.2` … behind those that are there; the oldest of more than five go. Numbers, for a clock
 * may be what is wrong. Resolves with the new path.
 */
async function moveAside(path: string): Promise<string> {
  const prefix = `${basename(path)}.`;
  const names = (await readdir(dirname(path))).filter((name) => name.startsWith(prefix));
  const numbers = names.flatMap((name) => numberOf(name.slice(prefix.length)) ?? []).sort((a, b) => a - b);
  const aside = brokenFile(path, (numbers.at(-1) ?? -1) + 1);
  await rename(path, aside);
  for (const old of numbers.slice(0, Math.max(0, numbers.length + 1 - MAX_BROKEN))) {
    // A folder of that name is somebody else's.
    await rm(brokenFile(path, old), { force: true }).catch(() => undefined);
  }
  return aside;
}

function brokenFile(path: string, number: number): string {
  return number === 0 ? `${path}.broken` : `${path}.broken.${number}`;
}

function numberOf(suffix: string): number | undefined {
  const [found, number = '0'] = BROKEN.exec(suffix) ?? [];
  return found === undefined ? undefined : Number(number);
}

/** All of it or nothing, for its owner alone. Rejects with ERR_KWIK_LOCAL_FILE. */
export async function writeHistory(path: string, { minutes, hours }: HistoryRows): Promise<void> {
  const text = JSON.stringify({ version: VERSION, minutes: minutes.map(packed), hours: hours.map(packed) });
  const temporary = `${path}.${process.pid}.new`;
  try {
    await writeFile(temporary, `${text}\n`, { mode: 0o600 });
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new KwikError('ERR_KWIK_LOCAL_FILE', `no history can be written to ${path}: ${messageOf(cause)}`, { cause });
  }
}

/** Removes what `writeHistory` left half-written when its process ended in the middle of it. Never rejects. */
export async function removeUnfinished(path: string, wallClockMs = Date.now()): Promise<void> {
  const prefix = `${basename(path)}.`;
  const names = await readdir(dirname(path)).catch(() => []);
  for (const name of names.filter((one) => one.startsWith(prefix) && NEXT.test(one.slice(prefix.length)))) {
    const file = join(dirname(path), name);
    const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: wallClockMs }));
    // Another process may be writing a younger one.
    if (wallClockMs - mtimeMs > UNFINISHED_MS) await rm(file, { force: true }).catch(() => undefined);
  }
}

/** Names of members would be most of the file. */
function packed({ atMs, servers }: HistoryRow): unknown[] {
  return [atMs, ...servers.map((server) => [server.name, ...FIGURES.map((figure) => rounded(server[figure]))])];
}

function parsed(value: unknown): HistoryRows {
  const { version, minutes, hours } = value as { version?: unknown; minutes?: unknown; hours?: unknown };
  if (version !== VERSION) throw broken('it is of another version');
  return { minutes: rowsOf(minutes).slice(-MAX_MINUTES), hours: rowsOf(hours).slice(-MAX_HOURS) };
}

function rowsOf(value: unknown): HistoryRow[] {
  if (!Array.isArray(value)) throw broken('rows are missing');
  return value.map((row: unknown) => {
    if (!Array.isArray(row) || typeof row[0] !== 'number') throw broken('a row has no time');
    const [atMs, ...servers] = row as [number, ...unknown[]];
    return { atMs, servers: servers.map(serverOf) };
  });
}

function serverOf(value: unknown): HistoryServer {
  if (!Array.isArray(value) || typeof value[0] !== 'string') throw broken('a server has no name');
  const [name, ...figures] = value as [string, ...unknown[]];
  const read = FIGURES.map((figure, index) => {
    const number = figures[index];
    if (typeof number !== 'number' || !(number >= 0)) throw broken(`${name} has no ${figure}`);
    return [figure, number] as const;
  });
  return { name, ...(Object.fromEntries(read) as Record<(typeof FIGURES)[number], number>) };
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function broken(why: string): KwikError {
  return new KwikError('ERR_KWIK_LOCAL_FILE', why);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
