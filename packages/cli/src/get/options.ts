import { sep } from 'node:path';
import { parseHostPort, parseKwikUrl, formatHostPort, type KwikUrl } from '../address.js';
import type { DiscoverFlags } from '../discovery/discover.js';
import { usageError } from '../errors.js';
import { descriptorOf } from './target.js';

/** As the command line gives them. */
export interface GetOptions extends DiscoverFlags {
  readonly output?: string;
  readonly dir?: string;
  readonly recursive: boolean;
  readonly ca?: string;
  readonly pin: readonly string[];
  /** A folder for a qlog of each session. */
  readonly qlog?: string;
  /** A file in which what servers did is kept. */
  readonly trustScores?: string;
  /** A folder for the minute around each failover and violation. */
  readonly flight?: string;
  /** A file for TLS secrets. */
  readonly keyLog?: string;
  readonly server: readonly string[];
  readonly force: boolean;
  readonly skipExisting: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
  /** Seconds. */
  readonly timeout: number;
}

/** What is to be fetched from where, checked. */
export interface GetPlan {
  readonly urls: readonly KwikUrl[];
  /** What to dial, `host:port` or `kwik:NAME`: the URLs' own first, then the alternatives. */
  readonly servers: readonly string[];
  /** Whether servers are found by the name of their service. */
  readonly byName: boolean;
  readonly toStdout: boolean;
}

const MAX_SERVERS = 16;

/** Standard output has several names, and is the same under each. */
export function withStandardOutput(options: GetOptions): GetOptions {
  const { output } = options;
  return output !== undefined && descriptorOf(output) === 1 ? { ...options, output: '-' } : options;
}

export function planGet(urls: readonly string[], options: GetOptions): GetPlan {
  const parsed = urls.map(parseKwikUrl);
  const addresses = new Set(parsed.map(({ server }) => server));
  const [own] = addresses;
  if (own === undefined) throw usageError('a URL is needed: kwik get kwik://HOST:PORT/PATH -o FILE');
  if (addresses.size > 1) {
    throw usageError('all URLs must name the same server; further servers of the same files go into --server');
  }
  checkCombination(parsed, options);
  const alternatives = options.server.map((server) => formatHostPort(parseHostPort(server)));
  const servers = [...new Set([own, ...alternatives])];
  if (servers.length > MAX_SERVERS) throw usageError(`at most ${MAX_SERVERS} servers can be given`);
  const byName = parsed.some(({ service }) => service !== undefined);
  return { urls: parsed, servers, byName, toStdout: options.output === '-' };
}

function checkCombination(urls: readonly KwikUrl[], options: GetOptions): void {
  const { output, dir, recursive, json } = options;
  if (output === '' || dir === '') throw usageError(`${output === '' ? '-o' : '-d'} names nothing: give a name`);
  if (output?.endsWith(sep) === true)
    throw usageError(`-o ${output} names a folder; use -d ${output} to download into it`);
  if (output !== undefined && dir !== undefined)
    throw usageError('-o and -d do not go together: a file name, or a folder');
  if (output !== undefined && urls.length > 1) throw usageError('-o names one file; use -d FOLDER for several');
  if (recursive && output !== undefined) throw usageError('-r fetches a folder; use -d FOLDER instead of -o');
  if (output === '-' && json) throw usageError('--json and -o - both want standard output; choose one');
  if (options.force && options.skipExisting) throw usageError('--force and --skip-existing do not go together');
  if (!recursive && urls.some(({ path }) => path === '' || path.endsWith('/'))) {
    throw usageError('the URL names a folder; use -r to get everything in it, with -d for where to put it');
  }
}
