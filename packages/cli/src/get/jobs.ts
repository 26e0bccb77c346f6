import { join } from 'node:path';
import { KwikError } from '@kwik/wire';
import type { KwikUrl } from '../address.js';
import { usageError } from '../errors.js';
import type { ListEntry } from '../protocol/messages.js';
import { parseServedPath } from '../serve/served-path.js';

/** One file to fetch. */
export interface Job {
  /** As the server is asked for it. */
  readonly path: string;
  /** Where it goes; undefined: standard output. */
  readonly target: string | undefined;
  /** From a listing; undefined until the server says it. */
  readonly size?: number;
}

/** What a terminal or a script would act on: no file that is listed gets such a name here. */
// eslint-disable-next-line no-control-regex -- control characters are what it is about
const UNSAFE_IN_NAMES = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

const LONE_SURROGATE = /\p{Surrogate}/u;

/** Without `-o` a file is stored under its own name, as other tools do. */
export function jobForFile(url: KwikUrl, output: string | undefined, directory: string | undefined): Job {
  if (output === '-') return { path: url.path, target: undefined };
  if (output !== undefined) return { path: url.path, target: output };
  return { path: url.path, target: join(directory ?? '.', ...safeSegments(baseName(url.path))) };
}

/** A listing as it can be fetched, and what of it cannot be stored here. */
export interface ListedJobs {
  readonly jobs: readonly Job[];
  readonly refused: readonly { readonly job: Job; readonly error: KwikError }[];
}

/**
 * Jobs for what a server lists below `folder`. The names are the server's: each is checked as strictly as a server checks
 * ours, so that none leads out of `directory`, and none is used twice: a server that lists such names is not believed at all.
 */
export function jobsForListing(entries: readonly ListEntry[], folder: string, directory: string): ListedJobs {
  const prefix = folder === '' ? '' : `${folder.replace(/\/+$/u, '')}/`;
  const seen = new Set<string>();
  const jobs: Job[] = [];
  const refused: ListedJobs['refused'][number][] = [];
  for (const { path, size } of entries) {
    if (!path.startsWith(prefix) || seen.has(path)) throw badListing(path);
    seen.add(path);
    const segments = safeSegments(path.slice(prefix.length));
    const problem = nameProblem(path);
    if (problem === undefined) jobs.push({ path, size, target: join(directory, ...segments) });
    else refused.push({ job: { path, size, target: undefined }, error: refusedName(problem) });
  }
  return { jobs, refused };
}

/** Why an honest server may list a name that is not used here all the same. */
function nameProblem(path: string): string | undefined {
  if (UNSAFE_IN_NAMES.test(path)) return 'its name holds control characters';
  // Half a character would be stored as another one, and two such names as the same.
  if (LONE_SURROGATE.test(path)) return 'its name is not valid Unicode';
  return undefined;
}

function refusedName(problem: string): KwikError {
  return new KwikError('ERR_KWIK_LOCAL_FILE', `left out, because ${problem}; get it alone, with a name given by -o`);
}

/** Two jobs must not write to the same file; some systems take names for the same that differ in case or in accents. */
export function checkDistinctTargets(jobs: readonly Job[], platform: NodeJS.Platform = process.platform): void {
  const folds = platform === 'win32' || platform === 'darwin';
  const targets = new Set<string>();
  for (const { target } of jobs) {
    if (target === undefined) continue;
    const name = folds ? target.normalize('NFC').toLowerCase() : target;
    if (targets.has(name)) throw usageError(`two of the files would be written to ${target}; get one of them with -o`);
    targets.add(name);
  }
}

function baseName(path: string): string {
  const name = path.split('/').at(-1) ?? '';
  if (name === '')
    throw usageError('the URL names a folder; use -r to get everything in it, with -d for where to put it');
  return name;
}

function safeSegments(path: string): readonly string[] {
  try {
    return parseServedPath(path);
  } catch {
    throw badListing(path);
  }
}

function badListing(path: string): KwikError {
  return new KwikError(
    'ERR_KWIK_PROTOCOL_VIOLATION',
    `a file called '${path}' cannot be stored under that name; give one with -o`,
  );
}
