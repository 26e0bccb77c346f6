import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, describe, expect, jest, test } from '@jest/globals';
import {
  findProgram,
  missingPrograms,
  NGINX,
  POSTGRES,
  type RealServer,
  type RealServerPlan,
  REDIS,
  SSHD,
  sshOptions,
  startRealServer,
} from '@kwik/testbed/programs';
import { Harness } from './harness.js';

jest.setTimeout(90_000);

const BIN = fileURLToPath(new URL('../dist/bin.js', import.meta.url));
const PGBENCH = '/usr/lib/postgresql/15/bin/pgbench';
const FILE_BYTES = 30_000_000;

const harness = await Harness.create();
const servers: RealServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});
afterAll(() => harness.close());

/** A test that needs programs; without them it is skipped by name. */
function withPrograms(name: string, plan: RealServerPlan, programs: readonly string[], run: () => Promise<void>): void {
  const missing = [...missingPrograms(plan), ...programs.filter((each) => findProgram(each) === undefined)];
  if (missing.length === 0) test(name, run);
  // eslint-disable-next-line no-restricted-syntax -- a machine without the program cannot run it
  else test.skip(`${name} (missing: ${missing.join(', ')})`, run);
}

async function starting(plan: RealServerPlan): Promise<RealServer> {
  const server = await startRealServer(plan);
  servers.push(server);
  return server;
}

/** A server of KWIK that forwards to the port, a tunnel to it with these options, and their ports here. */
async function through(
  port: number,
  args: readonly string[] = ['-L', `0:127.0.0.1:${port}`],
): Promise<{ server: string; ports: string[] }> {
  const serve = harness.start(['serve', '--listen', '127.0.0.1:0', '--forward-allow', `127.0.0.1:${port}`]);
  const [, server = ''] = await serve.printed(/^listening on (\S+)/u);
  const tunnel = harness.start(['tunnel', server, ...args]);
  const ports: string[] = [];
  for (let count = 1; count <= args.length / 2; count += 1) {
    await tunnel.printed(new RegExp(`(?:listening on [^\\n]*\\n){${count}}`, 'u'));
  }
  const [all] = await tunnel.printed(/listening on [^]*/u);
  for (const [, each = ''] of all.matchAll(/listening on \S+:(\d+) /gu)) ports.push(each);
  return { server, ports };
}

async function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const command = findProgram(program) ?? program;
  const options = { env: { ...process.env, ...env }, timeout: 60_000, maxBuffer: 1e9 };
  const { stdout } = await promisify(execFile)(command, args, options);
  return stdout;
}

describe('through kwik tunnel', () => {
  withPrograms('psql and pgbench work on PostgreSQL', POSTGRES, ['psql', PGBENCH], async () => {
    const { port } = await starting(POSTGRES);
    const { ports } = await through(port);
    const there = ['-h', '127.0.0.1', '-p', ports[0]!, '-U', 'kwik'];
    const sum = ['-tAc', 'SELECT sum(n) FROM generate_series(1, 100000) AS n', 'postgres'];
    expect(await run('psql', [...there, ...sum])).toBe('5000050000\n');
    await run(PGBENCH, [...there, '-i', '-q', '-s', '1', 'postgres']);
    const bench = await run(PGBENCH, [...there, '-n', '-c', '8', '-j', '2', '-t', '50', 'postgres']);
    expect(bench).toMatch(/transactions actually processed: 400\/400/u);
    expect(bench).toMatch(/failed transactions: 0 /u);
  });

  withPrograms('redis-cli and redis-benchmark work on Redis', REDIS, ['redis-cli', 'redis-benchmark'], async () => {
    const { port } = await starting(REDIS);
    const { ports } = await through(port);
    expect(await run('redis-cli', ['-p', ports[0]!, 'PING'])).toBe('PONG\n');
    const bench = ['-p', ports[0]!, '-c', '30', '-n', '3000', '-P', '4', '-t', 'set,get', '--csv'];
    expect(await run('redis-benchmark', bench)).toMatch(/"GET","[1-9]/u);
  });

  withPrograms('curl gets a large file from nginx: by a port, by SOCKS 5, by CONNECT', NGINX, ['curl'], async () => {
    const { port, folder } = await starting(NGINX);
    const content = randomBytes(FILE_BYTES);
    await writeFile(`${folder}/www/file`, content);
    const { ports } = await through(port, ['-L', `0:127.0.0.1:${port}`, '--socks5', '0', '--http-connect', '0']);
    const origin = `http://127.0.0.1:${port}/file`;
    const ways = [
      [`http://127.0.0.1:${ports[0]}/file`],
      ['--socks5', `127.0.0.1:${ports[1]}`, origin],
      ['--proxytunnel', '--proxy', `http://127.0.0.1:${ports[2]}`, origin],
    ];
    for (const [index, way] of ways.entries()) {
      const file = harness.path(`got-${index}`);
      await run('curl', ['--silent', '--show-error', '--fail', '--noproxy', '', '-o', file, ...way]);
      expect((await readFile(file)).equals(content)).toBe(true);
    }
  });

  withPrograms('ssh comes in by ProxyCommand, and carries what is piped through it', SSHD, [], async () => {
    const { port, folder } = await starting(SSHD);
    const { server } = await through(port, ['--socks5', '0']);
    const proxy = `ProxyCommand=${process.execPath} ${BIN} tunnel ${server} --stdio 127.0.0.1:${port}`;
    const options = [...sshOptions(folder), '-p', `${port}`, '-o', proxy, '127.0.0.1'];
    const env = { KWIK_DATA_DIR: harness.path('data'), NODE_OPTIONS: '' };
    expect(await run('ssh', [...options, 'echo hello; exit 0'], env)).toBe('hello\n');
    const sent = harness.path('sent');
    await writeFile(sent, randomBytes(5_000_000));
    const piped = `${findProgram('ssh')} ${options.map((each) => `'${each}'`).join(' ')} sha256sum < ${sent}`;
    const [here, there] = await Promise.all([run('sha256sum', [sent]), run('sh', ['-c', piped], env)]);
    expect(there.slice(0, 64)).toBe(here.slice(0, 64));
  });
});
