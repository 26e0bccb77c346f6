import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Files of one log: `FILE` is written; `FILE.1`, `FILE.2` … are full, in that order; `FILE.checkpoint` is the last one signed. */
export function checkpointFile(path: string): string {
  return `${path}.checkpoint`;
}

export function fullFile(path: string, number: number): string {
  return `${path}.${number}`;
}

/** Numbers of the full files, ascending. */
export async function fullFiles(path: string): Promise<number[]> {
  const prefix = `${basename(path)}.`;
  const names = await readdir(dirname(path));
  return names
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length))
    .filter((rest) => /^[1-9]\d{0,8}$/u.test(rest))
    .map(Number)
    .sort((one, other) => one - other);
}

/** All files of the log of which `path` is the one that is written, the oldest first; without those that are not there. */
export async function logFiles(path: string): Promise<string[]> {
  const names = await readdir(dirname(path));
  const full = (await fullFiles(path)).map((number) => join(dirname(path), basename(fullFile(path, number))));
  return names.includes(basename(path)) ? [...full, path] : full;
}
