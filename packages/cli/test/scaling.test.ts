import { copyFile, mkdir, readFile, stat } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { freePort } from '@kwik/testbed/programs';
import { Harness, sha256Of, withResult, type Running, type Server } from './harness.js';
import { runHere } from './in-process.js';

jest.setTimeout(120_000);

const MB = 1_000_000;

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

async function copies(bytes: number): Promise<string> {
  const sha256 = await harness.makeFile('a/film.bin', bytes);
  await mkdir(harness.path('b'));
  await copyFile(harness.path('a/film.bin'), harness.path('b/film.bin'));
  return sha256;
}

interface Kept {
  readonly hours: readonly unknown[];
  readonly spending: { readonly bytes: Readonly<Record<string, number>> };
}

/** Events of scaling that a server has logged, until it ended. */
async function decisions(server: Server) {
  server.process.kill('SIGTERM');
  const { status, stdout } = await server.process.ended;
  const lines = stdout.split('\n').filter((line) => line.includes('"event":"scaling"'));
  return {
    status,
    events: lines.map((line) => JSON.parse(line) as { readonly kind: string; readonly reason: string }),
  };
}

/** Gets the file over a link on which it lasts, so that the client wants more than comes. */
async function getSlowly(primary: Server): Promise<Running> {
  const link = await harness.linkTo(primary);
  return harness.start(['get', '--json', '--force', `kwik://${link.address()}/film.bin`, '-o', 'out.bin']);
}

describe('a server that scales', () => {
  test('takes on another one for a client that wants more than it gives, and knows after a restart what came of it', async () => {
    const sha256 = await copies(20 * MB);
    // What clients had of it they say once a second: it lasts longer than that.
    const at = `127.0.0.1:${await freePort()}`;
    const other = { address: (await harness.linkTo({ address: at })).address() };
    await harness.serve('b', ['--listen', at, '--audience', other.address]);
    const args = ['--scale-server', `${other.address}=0.5`, '--scaling-history', 'scaling.json'];
    const primary = await harness.serve('a', args);
    const { status, result } = withResult(await (await getSlowly(primary)).ended);
    expect(status).toBe(0);
    expect(await sha256Of(harness.path('out.bin'))).toBe(sha256);
    const [brought] = result.paths.filter(({ server }) => [at, other.address].includes(server));
    expect(brought?.bytes).toBeGreaterThan(0);
    const { status: stopped, events } = await decisions(primary);
    expect(stopped).toBe(0);
    expect(events.slice(0, 2)).toEqual([
      expect.objectContaining({ kind: 'add', server: other.address, reason: expect.stringMatching(/^demand .* %/u) }),
      expect.objectContaining({ kind: 'added', server: other.address, reason: expect.stringMatching(/^demand .* %/u) }),
    ]);
    const text = await readFile(harness.path('scaling.json'), 'utf8');
    const { hours, spending } = JSON.parse(text) as Kept;
    expect(hours.length).toBeGreaterThan(0);
    expect(spending.bytes[other.address]).toBeGreaterThan(0);
    expect((await stat(harness.path('scaling.json'))).mode & 0o777).toBe(0o600);

    const again = await harness.serve('a', args);
    const [known] = await again.process.printed(/^\{"event":"scaling-known".*$/mu);
    expect(JSON.parse(known)).toMatchObject({ hours: hours.length, spending });
    expect((await decisions(again)).status).toBe(0);
    expect(await readFile(harness.path('scaling.json'), 'utf8')).toBe(text);
  });

  test('takes on those that discovery finds, and itself never', async () => {
    const sha256 = await copies(20 * MB);
    const running = harness.start(['registry', '--listen', '127.0.0.1:0']);
    const [, url = ''] = await running.printed(/^listening on (https?:\S+)\n/u);
    const named = ['--service', 'films', '--announce', url];
    const other = await harness.serve('b', named);
    await other.process.printed(/"event":"announced"/u);
    const primary = await harness.serve('a', [...named, '--discover', url, '--scale-discovered', '--scale-paths', '3']);
    await primary.process.printed(/"event":"announced"/u);
    const { status } = withResult(await (await getSlowly(primary)).ended);
    expect(status).toBe(0);
    expect(await sha256Of(harness.path('out.bin'))).toBe(sha256);
    const { events } = await decisions(primary);
    expect(events).toContainEqual(expect.objectContaining({ kind: 'added', server: other.address }));
    expect(events).not.toContainEqual(expect.objectContaining({ server: primary.address }));
  });
});

test.each([
  [['--scale-server', 'b.example:4433=cheap'], /price/u],
  [['--scaling-history', 'kept.json'], /--scaling-history takes servers to scale to/u],
  [['--scale-discovered'], /--scale-discovered takes --discover SOURCE and --service NAME/u],
  [['--scale-discovered', '--service', 'films'], /--scale-discovered takes --discover SOURCE/u],
  [['--scale-paths', '17'], /from 1 to 16/u],
  [
    ['--scale-server', 'b.example:4433', '--scaling-history', 'kept.json', '--workers', '2'],
    /written by one process; leave out --workers/u,
  ],
])('%j is wrong usage, and says why', async (args, why) => {
  const { status, stderr } = await runHere(['serve', harness.folder, '--listen', '127.0.0.1:0', ...args]);
  expect(stderr).toMatch(why);
  expect(status).toBe(2);
});
