import { readdir, readFile, stat } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { pause } from '@kwik/testbed';
import { Harness, type Running } from './harness.js';

jest.setTimeout(60_000);

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

async function pageOf(process: Running): Promise<string> {
  const [, url = ''] = await process.printed(/(?:operators: |"event":"admin","url":")(http:\/\/127\.0\.0\.1:\d+\/)/u);
  return url;
}

/** Asks again until it is so. */
async function comesTrue(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await pause(50);
}

const textAt = async (url: string): Promise<string> => (await fetch(url)).text();

interface Health {
  readonly status: string;
  readonly problems: readonly string[];
}
const healthAt = async (url: string): Promise<Health> => (await fetch(`${url}health`)).json() as Promise<Health>;

async function relay(args: readonly string[] = []) {
  const process = harness.start([
    'relay',
    '--listen',
    '127.0.0.1:0',
    '--anchor',
    '127.0.0.1',
    '--for-clients',
    ...args,
  ]);
  const [, address = ''] = await process.printed(/listening on ([\d.:]+)/u);
  return { process, address };
}

/** The names of the events in the only qlog of a folder, of one role. */
async function qlogOf(folder: string, role: string): Promise<Set<string>> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(`-${role}.sqlog`));
  expect(names).toHaveLength(1);
  const records = (await readFile(`${folder}/${names[0]}`, 'utf8')).split('\u001e').slice(1);
  const [header, ...events] = records.map((record) => JSON.parse(record) as Record<string, unknown>);
  expect(header).toMatchObject({ file_schema: 'urn:ietf:params:qlog:file:sequential' });
  return new Set(events.map(({ name }) => String(name)));
}

describe('--admin', () => {
  test('of a relay shows who is there and what it forwards', async () => {
    const { process, address } = await relay(['--admin', '0']);
    const url = await pageOf(process);
    const server = await harness.serve('a');
    await harness.makeFile('a/file', 200_000);
    expect((await healthAt(url)).status).toBe('ok');
    const ping = harness.start(['ping', server.address, '--relay', address, '--count', '100', '--interval', '0.1']);
    const forwarded = /kwik_component_count_total\{component="relay",family="forwarded",label="datagrams"\} [1-9]/u;
    await comesTrue(async () => forwarded.test(await textAt(`${url}metrics`)));
    const { total } = (await (await fetch(`${url}state`)).json()) as { total: number };
    expect(total).toBeGreaterThan(0);
    ping.kill('SIGKILL');
  });

  test('of a tunnel shows its paths, and says to probes that there is no session', async () => {
    const server = await harness.serve('a', ['--forward-allow', '127.0.0.1:9']);
    const tunnel = harness.start(['tunnel', server.address, '-L', '0:127.0.0.1:9', '--admin', '0']);
    const url = await pageOf(tunnel);
    await comesTrue(async () => (await healthAt(url)).status === 'ok');
    const { paths } = (await (await fetch(`${url}state`)).json()) as { paths: { address: string }[] };
    expect(paths.map((path) => path.address)).toEqual([server.address]);
    server.process.kill('SIGTERM');
    await server.process.ended;
    await comesTrue(async () => (await healthAt(url)).problems.includes(`there is no session with ${server.address}`));
  });

  test('beyond this machine takes a certificate and a token, for all of them', async () => {
    for (const command of [
      ['relay', '--listen', '127.0.0.1:0'],
      ['tunnel', '127.0.0.1:9', '--socks5', '0'],
    ]) {
      const { status, stderr } = await harness.run([...command, '--admin', '0.0.0.0:0']);
      expect([status, stderr]).toEqual([4, expect.stringContaining('takes TLS')]);
    }
  });
});

describe('--qlog', () => {
  test('of both ends writes down their session, paths and content included', async () => {
    await harness.makeFile('a/file', 2_000_000);
    const server = await harness.serve('a', ['--qlog', harness.path('of-server')]);
    const keys = harness.path('keys');
    const args = ['--qlog', harness.path('of-client'), '--key-log', keys];
    const got = await harness.run(['get', `kwik://${server.address}/file`, ...args], { SSLKEYLOGFILE: 'elsewhere' });
    expect([got.status, got.stderr]).toEqual([0, expect.stringContaining('whoever has that file can read them')]);
    expect(await readFile(keys, 'utf8')).toMatch(/^CLIENT_TRAFFIC_SECRET_0 [0-9a-f]{64} [0-9a-f]{64,96}$/mu);
    expect((await stat(keys)).mode & 0o777).toBe(0o600);
    await expect(stat('elsewhere')).rejects.toMatchObject({ code: 'ENOENT' });
    server.process.kill('SIGTERM');
    await server.process.ended;
    for (const [folder, role] of [
      ['of-client', 'client'],
      ['of-server', 'primary'],
    ] as const) {
      const names = await qlogOf(harness.path(folder), role);
      for (const name of [
        'kwik:session_opened',
        'kwik:path_state_updated',
        'kwik:path_traffic',
        'kwik:session_closed',
      ]) {
        expect([...names]).toContain(name);
      }
      expect([...names]).toContain('quic:recovery_metrics_updated');
    }
  });

  test('is refused for a folder that cannot be written to, before anything is done', async () => {
    await harness.makeFile('file', 1);
    const { status, stderr } = await harness.run(['get', 'kwik://127.0.0.1:9/x', '--qlog', harness.path('file')]);
    expect([status, stderr]).toEqual([1, expect.stringMatching(/no qlog can be written into/u)]);
  });
});
