import { mkdir, writeFile } from 'node:fs/promises';
import { arch, cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { createFile } from '@kwik/trust';
import { fileError } from '../errors.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import { AdminClient } from '../top/admin-client.js';
import { packageVersion } from '../version.js';
import { tarball, type ArchiveEntry } from './archive.js';
import { secretValues, withoutSecrets } from './secrets.js';

export interface SupportOptions {
  /** A `.tgz` or `.tar.gz`, or a folder, which must not be there yet. */
  readonly output: string;
}

const TOKEN_VARIABLE = 'KWIK_ADMIN_TOKEN';
/** What the process tells, and the files that it goes into. */
const PAGES: readonly (readonly [path: string, file: string])[] = [
  ['about', 'about.json'],
  ['health', 'health.json'],
  ['state', 'state.json'],
  ['flight', 'flight.json'],
  ['metrics', 'metrics.txt'],
];
const README = `What a process of KWIK told of itself.

about.json    version, machine, and how it was started, without secrets
health.json   what a probe is told
state.json    sessions, paths with the reasons why they are used or not, servers, alerts, and what happened last
flight.json   the last minute: every event, and the figures of paths four times a second
metrics.txt   all metrics, as Prometheus reads them
here.json     version and machine of whoever asked, and when

Addresses, names of servers and error messages stand in these files; content, keys, tokens and passwords do not.
`;

/** `kwik support`: what somebody who is to help needs to see. Rejects as \`AdminClient\` does, and when it cannot be written. */
export async function runSupport(address: string, { output }: SupportOptions, io: CliIo): Promise<ExitCode> {
  const client = new AdminClient(address, io.env[TOKEN_VARIABLE]);
  const known = secretValues(io.env);
  const entries: ArchiveEntry[] = [{ name: 'README.txt', text: README }];
  for (const [path, name] of PAGES) {
    entries.push({ name, text: withoutSecrets(await client.text(path), known) });
  }
  entries.push({ name: 'here.json', text: `${JSON.stringify(here(), undefined, 2)}\n` });
  await write(output, entries);
  io.stdout.print(`${output}: ${entries.map(({ name }) => name).join(', ')}\n`);
  io.stderr.print('kwik: it names addresses and servers; look at it before you pass it on\n');
  return EXIT.ok;
}

function here(): object {
  return {
    at: new Date().toISOString(),
    kwik: packageVersion(),
    node: process.version,
    system: `${type()} ${release()} ${arch()}`,
    processors: cpus().length,
    memoryBytes: totalmem(),
  };
}

async function write(output: string, entries: readonly ArchiveEntry[]): Promise<void> {
  try {
    if (/\.(?:tgz|tar\.gz)$/u.test(output)) {
      const data = tarball('kwik-support', entries, Date.now() / 1000);
      await createFile(output, data, { mode: 0o600 });
      return;
    }
    await mkdir(output, { mode: 0o700 });
    for (const { name, text } of entries) await writeFile(join(output, name), text, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    throw fileError('write', output, error);
  }
}
