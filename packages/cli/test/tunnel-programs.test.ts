import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
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
const FILE_BYTES = 10_000_000;

const harness = await Harness.create();
const servers: RealServer[] = [];

afterAll(async () => {
  await harness.close();
  await Promise.all(servers.map((server) => server.stop()));
});

/** A test that needs programs; without them it is skipped by name. */
function withPrograms(name: string, plan: RealServerPlan, programs: readonly string[], run: () => Promise<void>): void {
  const missing = [...missingPrograms(plan), ...programs.filter((each) => findProgram(each) === undefined)];
  if (missing.length === 0) test(name, run);
  // eslint-disable-next-line no-restricted-syntax -- a machine without the program cannot run it
  else test.skip(`${name} (missing: ${missing.join(', ')})`, run);
}

/** A server of KWIK that forwards to all of them, and one tunnel to it. */
let server = '';
const ports = { socks5: '', connect: '' };
const ofPlan = new Map<RealServerPlan, { readonly real: RealServer; readonly port: string }>();

beforeAll(async () => {
  const plans = [POSTGRES, REDIS, NGINX, SSHD].filter((plan) => missingPrograms(plan).length === 0);
  servers.push(...(await Promise.all(plans.map(startRealServer))));
  const targets = servers.map(({ port }) => `127.0.0.1:${port}`);
  const allow = targets.flatMap((target) => ['--forward-allow', target]);
  const serve = harness.start(['serve', '--listen', '127.0.0.1:0', ...allow]);
  [, server = ''] = await serve.printed(/^listening on (\S+)/u);
  const local = targets.flatMap((target) => ['-L', `0:${target}`]);
  const tunnel = harness.start(['tunnel', server, ...local, '--socks5', '0', '--http-connect', '0']);
  const portFor = async (what: string): Promise<string> => {
    const [, port = ''] = await tunnel.printed(new RegExp(`listening on 127\\.0\\.0\\.1:(\\d+) for ${what}\n`));
    return port;
  };
  for (const [index, plan] of plans.entries()) {
    ofPlan.set(plan, { real: servers[index]!, port: await portFor(targets[index]!) });
  }
  ports.socks5 = await portFor('SOCKS 5');
  ports.connect = await portFor('HTTP CONNECT');
});

/** The real server, and the port here that leads to it. */
function through(plan: RealServerPlan): { readonly real: RealServer; readonly port: string } {
  return ofPlan.get(plan)!;
}

async function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const command = findProgram(program) ?? program;
  const options = { env: { ...process.env, ...env }, timeout: 60_000, maxBuffer: 1e9 };
  const { stdout } = await promisify(execFile)(command, args, options);
  return stdout;
}

describe('through kwik tunnel', () => {
  withPrograms('psql and pgbench work on PostgreSQL', POSTGRES, ['psql', PGBENCH], async () => {
    const { port } = through(POSTGRES);
    const there = ['-h', '127.0.0.1', '-p', port, '-U', 'kwik'];
    const sum = ['-tAc', 'SELECT sum(n) FROM generate_series(1, 100000) AS n', 'postgres'];
    expect(await run('psql', [...there, ...sum])).toBe('5000050000\n');
    await run(PGBENCH, [...there, '-i', '-q', '-s', '1', 'postgres']);
    const bench = await run(PGBENCH, [...there, '-n', '-c', '8', '-j', '2', '-t', '25', 'postgres']);
    expect(bench).toMatch(/transactions actually processed: 200\/200/u);
    expect(bench).toMatch(/failed transactions: 0 /u);
  });

  withPrograms('redis-cli and redis-benchmark work on Redis', REDIS, ['redis-cli', 'redis-benchmark'], async () => {
    const { port } = through(REDIS);
    expect(await run('redis-cli', ['-p', port, 'PING'])).toBe('PONG\n');
    const bench = ['-p', port, '-c', '30', '-n', '3000', '-P', '4', '-t', 'set,get', '--csv'];
    expect(await run('redis-benchmark', bench)).toMatch(/"GET","[1-9]/u);
  });

  withPrograms('curl gets a large file from nginx: by a port, by SOCKS 5, by CONNECT', NGINX, ['curl'], async () => {
    const { real, port } = through(NGINX);
    const content = randomBytes(FILE_BYTES);
    await writeFile(`${real.folder}/www/file`, content);
    const origin = `http://127.0.0.1:${real.port}/file`;
    const ways = [
      [`http://127.0.0.1:${port}/file`],
      ['--socks5', `127.0.0.1:${ports.socks5}`, origin],
      ['--proxytunnel', '--proxy', `http://127.0.0.1:${ports.connect}`, origin],
    ];
    for (const [index, way] of ways.entries()) {
      const file = harness.path(`got-${index}`);
      await run('curl', ['--silent', '--show-error', '--fail', '--noproxy', '', '-o', file, ...way]);
      expect((await readFile(file)).equals(content)).toBe(true);
    }
  });

  withPrograms('ssh comes in by ProxyCommand, and carries what is piped through it', SSHD, [], async () => {
    const { port, folder } = through(SSHD).real;
    const proxy = `ProxyCommand=${process.execPath} ${BIN} tunnel ${server} --stdio 127.0.0.1:${port}`;
    const options = [...sshOptions(folder), '-p', `${port}`, '-o', proxy, '127.0.0.1'];
    const env = { KWIK_DATA_DIR: harness.path('data'), NODE_OPTIONS: '' };
    expect(await run('ssh', [...options, 'echo hello; exit 0'], env)).toBe('hello\n');
    const sent = harness.path('sent');
    await writeFile(sent, randomBytes(2_000_000));
    const piped = `${findProgram('ssh')} ${options.map((each) => `'${each}'`).join(' ')} sha256sum < ${sent}`;
    const [here, there] = await Promise.all([run('sha256sum', [sent]), run('sh', ['-c', piped], env)]);
    expect(there.slice(0, 64)).toBe(here.slice(0, 64));
  });
});
