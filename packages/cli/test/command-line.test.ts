import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { pause } from '@kwik/testbed';
import { z } from 'zod';
import { Harness } from './harness.js';
import { runHere } from './in-process.js';

jest.setTimeout(120_000);

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

describe('help and usage', () => {
  test.each([
    ['--help'],
    ['demo', '--help'],
    ['serve', '--help'],
    ['get', '--help'],
    ['chaos', '--help'],
    ['tunnel', '--help'],
    ['bench', '--help'],
    ['help', 'get'],
  ])('kwik %s %s', async (...args) => {
    const { status, stdout, stderr } = await runHere(args);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage: kwik/u);
    expect(stdout).toMatch(/^Exit status:/mu);
    expect(stdout).toMatch(/^Examples:|^Start here:/mu);
    expect(stdout).not.toMatch(/default: (?:false|\[\])/u);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
  });

  test('the help of every command, and of each of its parts, is there, by both ways to ask for it', async () => {
    const seen: string[][] = [];
    const look = async (path: readonly string[]): Promise<void> => {
      const { status, stdout, stderr } = await runHere([...path, '--help']);
      expect({ path, status, stderr }).toEqual({ path, status: 0, stderr: '' });
      expect(stdout).toMatch(new RegExp(`^Usage: ${['kwik', ...path].join(' ')} `, 'u'));
      expect(stdout).not.toMatch(/display help|default: (?:false|\[\])/u);
      for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
      const [first, ...rest] = path;
      expect((await runHere(['help', ...path])).stdout).toBe(stdout);
      if (first !== undefined && rest.length > 0) expect((await runHere([first, 'help', ...rest])).stdout).toBe(stdout);
      const listed = /^Commands:\n((?: .*\n)+)/mu.exec(stdout)?.[1] ?? '';
      const names = [...listed.matchAll(/^ {2}([a-z]\S*)/gmu)].flatMap(([, name = '']) =>
        name === 'help' ? [] : [name],
      );
      for (const name of names) {
        seen.push([...path, name]);
        await look([...path, name]);
      }
    };
    await look([]);
    expect(seen.length).toBeGreaterThan(20);
    // Each takes no option that it does not know, and says so with its own name.
    for (const path of seen.filter((one) => !seen.some((other) => other.length > one.length && other[0] === one[0]))) {
      const { status, stdout, stderr } = await runHere([...path, '--bogus']);
      expect({ path, status, stdout }).toEqual({ path, status: 2, stdout: '' });
      // Commander says first what is missing, where something must be given.
      const what = "(?:unknown option '--bogus'|required option '[^']+' not specified)";
      expect(stderr).toMatch(new RegExp(`^kwik: ${what}; see kwik ${path.join(' ')} --help\\n$`, 'u'));
    }
  });

  test('--version prints a version', async () => {
    expect(await harness.run(['--version'])).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\S*\n$/u),
    });
  });

  test('what opens no session loads no transport', async () => {
    const coverage = harness.path('coverage');
    await harness.run(['help', 'bench'], { NODE_V8_COVERAGE: coverage });
    const loaded = [];
    for (const name of await readdir(coverage)) {
      const { result } = z
        .object({ result: z.array(z.object({ url: z.string() })) })
        .parse(JSON.parse(await readFile(harness.path(join('coverage', name)), 'utf8')));
      loaded.push(...result.flatMap(({ url }) => /\/packages\/(\w+)\//u.exec(url)?.[1] ?? []));
    }
    expect(new Set(loaded)).toEqual(new Set(['cli', 'discovery', 'wire']));
  });

  test('without a command: the help, and 2', async () => {
    const { status, stdout, stderr } = await harness.run([]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^Usage: kwik/u);
  });

  test.each([
    [['get', '--bogus', 'kwik://h/f'], /unknown option '--bogus'.*kwik get --help/u],
    [['demo', '--bogus'], /unknown option '--bogus'.*kwik demo --help/u],
    [['fetch'], /unknown command 'fetch'.*kwik --help/u],
    [['fleet', 'status'], /missing required argument 'name'; see kwik fleet status --help/u],
    [['serve'], /nothing to serve: name a folder/u],
    [['get'], /missing required argument 'url'/u],
    [['get', 'http://h/f'], /'http:\/\/h\/f' is not a kwik URL; write kwik:\/\/HOST:PORT\/PATH/u],
    [['get', 'kwik://h/folder/'], /names a folder; use -r/u],
    [['get', 'kwik://a/x', 'kwik://b/y'], /the same server/u],
    [['get', 'kwik://a/x', '-o', 'out', '-d', 'folder'], /-o and -d do not go together/u],
    [['serve', '.', '--listen', '127.0.0.1:99999'], /the port must be/u],
    [['serve', '.', '--cert', 'x.pem'], /--cert and --key go together/u],
    [['serve', '.', '--workers', '0'], /a whole number from 1 to 64/u],
    [['demo', '--rates', '20'], /--rates takes 2 to 8/u],
    [['chaos', '--faults', 'bogus'], /there is no fault 'bogus'/u],
    [['demo', '--bytes', 'many'], /--bytes.*30MB/u],
    [['audit', 'verify'], /missing required argument 'file'; see kwik audit verify --help/u],
    [['audit', 'seal', 'x'], /unknown command 'seal'; see kwik audit --help/u],
    [['audit', 'key', 'a', 'b'], /Expected 1 argument but got 2\.; see kwik audit key --help/u],
    [['serve', '.', '--audit', 'x', '--audit-origin', 'a b'], /--audit-origin 'a b': write a name without spaces/u],
    [['serve', '.', '--audit-key', 'x'], /--audit-key needs --audit FILE/u],
    [['serve', '.', '--audit-may-fail', '--workers', '2'], /--audit-may-fail needs --audit FILE/u],
    [['serve', '.', '--history', 'x'], /--history is shown by the page of --admin/u],
    [
      ['serve', '.', '--announce', 'static:a:1', '--service', 'x'],
      /--announce static:a:1: a server announces itself by/u,
    ],
    [['serve', '.', '--admin', '99999'], /'99999' is invalid.*the port must be from 1 to 65535/u],
    [['get', 'kwik://h/f', '--pin', 'abc'], /--pin abc is not a SHA-256/u],
    [['get', 'kwik://h:0/f'], /'h:0': the port must be from 1/u],
    [['get', 'kwik:films/x'], /where are the servers of kwik:films\? Name a source with --discover/u],
    [['get', 'kwik://h/f', '--timeout', '-1'], /argument '-1' is invalid.*see kwik get --help/u],
    [['tunnel', 'h'], /nothing to carry: give -L, -R/u],
    [['tunnel', 'h', '-L', 'bogus'], /'bogus' is not \[BIND:\]PORT:HOST:HOSTPORT/u],
    [['registry', '--store', 'bogus'], /'bogus' names no source of servers.*see kwik registry --help/u],
    [['registry', '--store', 'mdns'], /--store takes memory or etcd:HOST:PORT, not mdns/u],
    [['registry', '--cert', 'x'], /--cert and --key go together/u],
    [['registry', 'x'], /Expected 0 arguments but got 1\.; see kwik registry --help/u],
    [['servers', 'films'], /no source of servers is named: give --discover SOURCE/u],
    [['servers', 'a b', '--discover', 'static:a:1'], /the name of a service has letters, digits/u],
    [
      ['servers', 'films', '--discover', 'static:a:1', '--count', '0'],
      /argument '0'.*from 1 to 10000.*kwik servers --help/u,
    ],
    [
      ['servers', 'films', '--discover', 'static:a:1', '--capability', 'x'],
      /argument 'x' is invalid\. Write one of primary/u,
    ],
    [['fleet', 'drain', 'films'], /missing required argument 'server'; see kwik fleet drain --help/u],
    [
      ['fleet', 'drain', 'films', 'a:1', '--discover', 'static:a:1', '--force'],
      /servers are marked in etcd: give --discover etcd/u,
    ],
    [['fleet', 'undrain', 'films', 'a:1', '--discover', 'static:a:1'], /servers are marked in etcd/u],
    [['fleet', 'capacity', 'films', '--discover', 'static:a:1', '--target', '0'], /--target 0: it takes per cent/u],
    [['ping', 'h', '-t', '61'], /argument '61' is invalid.*up to 60.*see kwik ping --help/u],
    [['doctor', 'h', '-c', '0'], /argument '0' is invalid.*from 1 to 1000.*see kwik doctor --help/u],
    [['bench', 'http://h/f'], /'http:\/\/h\/f' is not a kwik URL/u],
    [['bench', 'h', '--seconds', 'x'], /argument 'x' is invalid.*see kwik bench --help/u],
    [['top', '99999'], /99999 is no port, HOST:PORT or URL of an --admin page/u],
    [['health', 'http://x:y'], /http:\/\/x:y is no port/u],
    [['support', '1'], /required option '-o, --output <file>' not specified; see kwik support --help/u],
    [['report', '--format', 'pdf'], /argument 'pdf' is invalid\. Allowed choices are md, json, html/u],
    [['report', '--audit-key', 'x'], /--audit-key x is of an audit log: give that with --audit FILE/u],
    [['report', '--checkpoint', 'x'], /--checkpoint x is of an audit log/u],
    [['relay', '--max-rate', 'x'], /argument 'x' is invalid.*see kwik relay --help/u],
    [['help', 'bogus'], /unknown command 'bogus'; see kwik --help/u],
    [['help', 'fleet', 'bogus'], /unknown command 'bogus'; see kwik fleet --help/u],
    [['audit', 'help', 'bogus'], /unknown command 'bogus'; see kwik audit --help/u],
  ])('%j: one line and 2', async (args, pattern) => {
    const { status, stdout, stderr } = await runHere(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(pattern);
    expect(stderr).toMatch(/^kwik: [^\n]*\n$/u);
  });

  test('a process ends in the same way: with one line, 2, and no secret said again', async () => {
    const source = 'https://me:hunter22@registry.example/';
    const { status, stdout, stderr } = await harness.run(['servers', 'films', '--discover', source]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^kwik: (?!.*hunter22)[^\n]*no user and no password[^\n]*\n$/u);
  });

  test('a folder that is not there: 1; a port that is taken: 2; one line each', async () => {
    expect(await harness.run(['serve', harness.path('nowhere')])).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^kwik: cannot serve \S*nowhere: no such file or folder\n$/u),
    });
    const { address } = await harness.serve('a');
    expect(await harness.run(['serve', harness.path('a'), '--listen', address])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^kwik: [^\n]*choose another port[^\n]*\n$/u),
    });
  });
});

describe('kwik serve', () => {
  test('says where it listens, logs what it does, and ends with 0 on SIGINT and SIGTERM', async () => {
    await harness.makeFile('a/file', 1000);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const serve = harness.start(['serve', harness.path('a'), '--listen', '127.0.0.1:0']);
      const [, address = ''] = await serve.printed(/^listening on (127\.0\.0\.1:\d+)\n/u);
      expect((await harness.run(['get', `kwik://${address}/file`, '--force'])).status).toBe(0);
      await serve.printed(/get file: 1\.00 kB in /u);
      serve.kill(signal);
      expect(await serve.ended).toMatchObject({ status: 0, stderr: expect.stringMatching(/stopped\n$/u) });
    }
  });

  test('does not add servers that a client names, unless it may', async () => {
    await harness.makeFile('a/small', 1000);
    // Large enough that the path is there before the file is.
    await harness.makeFile('a/large', 30_000_000);
    const other = await harness.serve('b');
    for (const allowed of [false, true]) {
      const server = await harness.serve('a', allowed ? ['--allow-client-servers'] : []);
      const url = `kwik://${server.address}/${allowed ? 'large' : 'small'}`;
      const args = ['get', url, '--server', other.address];
      const { status, stderr } = await harness.run(args);
      expect(status).toBe(0);
      if (allowed) await server.process.printed(/"event":"peer-(?:added|failed)"/u);
      else expect(stderr).toContain(`${other.address} is not used`);
    }
  });
});

describe('kwik demo', () => {
  const outcomeSchema = z.object({
    bytes: z.number(),
    sha256: z.string().regex(/^[0-9a-f]{64}$/u),
    whole: z.boolean(),
    speedup: z.number(),
    bestAlone: z.object({ goodputMbps: z.number() }),
    killedAtSeconds: z.number().nullable(),
    paths: z.array(z.object({ bytes: z.number(), state: z.string() })),
  });

  test('is whole, and leaves no process and no file behind', async () => {
    const temporary = harness.path('temporary');
    await mkdir(temporary);
    const args = ['demo', '--json', '--bytes', '6MB', '--rates', '40,20'];
    const { status, stdout, stderr } = await harness.run(args, { TMPDIR: temporary });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const outcome = outcomeSchema.parse(JSON.parse(stdout));
    expect(outcome).toMatchObject({ whole: true, bytes: 6_000_000, killedAtSeconds: expect.any(Number) });
    expect(outcome.paths).toHaveLength(2);
    expect(await readdir(temporary)).toEqual([]);
    expect(processesOf(temporary)).toEqual([]);
  });

  test('Ctrl-C: 130, and nothing is left behind', async () => {
    const temporary = harness.path('temporary');
    await mkdir(temporary);
    const demo = harness.start(['demo', '--rates', '5,5'], { TMPDIR: temporary });
    await demo.printed(/^2\. For comparison/mu);
    demo.kill('SIGINT');
    expect(await demo.ended).toMatchObject({ status: 130, stderr: expect.stringMatching(/kwik: interrupted\n$/u) });
    expect(await readdir(temporary)).toEqual([]);
    expect(processesOf(temporary)).toEqual([]);
  });

  test('killed itself, it takes its servers along', async () => {
    const temporary = harness.path('temporary');
    await mkdir(temporary);
    const demo = harness.start(['demo', '--rates', '5,5'], { TMPDIR: temporary });
    await demo.printed(/^2\. For comparison/mu);
    expect(processesOf(temporary)).toHaveLength(2);
    demo.kill('SIGKILL');
    await demo.ended;
    for (let tries = 0; processesOf(temporary).length > 0; tries++) {
      if (tries === 100) throw new Error(`still there:\n${processesOf(temporary).join('\n')}`);
      await pause(100);
    }
  });

  /** Command lines of processes that work below `folder`. */
  function processesOf(folder: string): string[] {
    const lines = execFileSync('ps', ['-A', '-o', 'args='], { encoding: 'utf8' }).split('\n');
    return lines.filter((line) => line.includes(folder));
  }
});

describe('kwik chaos', () => {
  test('every transfer is whole while the other servers are killed, cut off, lie, have wrong clocks and full disks; nothing is left', async () => {
    const temporary = harness.path('stormy');
    await mkdir(temporary);
    const args = ['chaos', '--json', '--seconds', '6', '--bytes', '3MB', '--rates', '20,20,20'];
    const { status, stdout } = await harness.run([...args, '--faults', 'kill,cut,lie,clock,disk-full'], {
      TMPDIR: temporary,
    });
    const result = JSON.parse(stdout) as { transfers: number; whole: number; broken: object[]; faults: object };
    expect(result).toMatchObject({ seed: 1, broken: [], whole: result.transfers });
    expect(result.transfers).toBeGreaterThan(0);
    expect(Object.keys(result.faults).length).toBeGreaterThan(0);
    expect(status).toBe(0);
    expect(await readdir(temporary)).toEqual([]);
  }, 60_000);

  test('every transfer is whole while the other servers are short of memory', async () => {
    const args = ['chaos', '--json', '--seconds', '6', '--bytes', '3MB', '--rates', '20,20,20', '--faults', 'memory'];
    const { status, stdout, stderr } = await harness.run(args);
    const result = JSON.parse(stdout) as { transfers: number; whole: number; broken: object[]; faults: object };
    expect(result).toMatchObject({ broken: [], whole: result.transfers, faults: { memory: expect.anything() } });
    // They are late, and do not end.
    expect([status, stderr]).toEqual([0, '']);
  }, 60_000);
});
