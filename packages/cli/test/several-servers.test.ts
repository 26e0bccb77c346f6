import { copyFile, mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { KeptTrustScores } from '@kwik/trust';
import { grownTo, Harness, sha256Of, withResult, type Result, type Server } from './harness.js';

jest.setTimeout(120_000);

const MB = 1_000_000;

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

/** The same file in the folders of several servers. */
async function makeCopies(folders: readonly string[], bytes: number): Promise<string> {
  const [first = '', ...others] = folders;
  const sha256 = await harness.makeFile(`${first}/film.bin`, bytes);
  for (const folder of others) {
    await mkdir(harness.path(folder));
    await copyFile(harness.path(first, 'film.bin'), harness.path(folder, 'film.bin'));
  }
  return sha256;
}

function pathTo(result: Result, server: { readonly address: string }): Result['paths'][number] {
  const path = result.paths.find((candidate) => candidate.server === server.address);
  if (path === undefined) throw new Error(`${server.address} is not among ${JSON.stringify(result.paths)}`);
  return path;
}

describe('a file from three servers', () => {
  test('80 MB arrive unchanged, from all of them', async () => {
    const sha256 = await makeCopies(['a', 'b', 'c'], 80 * MB);
    const peers = [await harness.serve('b'), await harness.serve('c')];
    const primary = await harness.serveWith('a', peers);
    const { status, result } = await harness.get([`kwik://${primary.address}/film.bin`, '-o', 'out.bin']);
    expect(status).toBe(0);
    expect(await sha256Of(harness.path('out.bin'))).toBe(sha256);
    expect(result).toMatchObject({ sha256, bytes: 80 * MB, size: 80 * MB });
    expect(result.paths.map(({ server }) => server).sort()).toEqual(
      [primary, ...peers].map(({ address }) => address).sort(),
    );
    for (const path of result.paths) expect(path.bytes).toBeGreaterThan(MB);
    expect(result.paths.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 2);
    expect((result.goodputMbps * result.seconds) / 640).toBeCloseTo(1, 2);
  });

  test('a peer that is killed in mid-transfer costs nothing but its speed', async () => {
    const sha256 = await makeCopies(['a', 'b', 'c'], 40 * MB);
    const victim = await harness.serve('b');
    const other = await harness.serve('c');
    const primary = await harness.serveWith('a', [victim, other]);
    const url = `kwik://${primary.address}/film.bin`;
    const get = harness.start(['get', '--json', url, '-o', 'out.bin']);
    await victim.process.printed(/"session-opened"/u);
    await grownTo(harness.path('out.bin.kwik-part'), 8 * MB, get);
    victim.process.kill('SIGKILL');
    const { status, result } = withResult(await get.ended);
    expect(status).toBe(0);
    expect(await sha256Of(harness.path('out.bin'))).toBe(sha256);
    expect(pathTo(result, other).bytes).toBeGreaterThan(0);
    expect(pathTo(result, primary).state).toBe('active');
  });

  test('the primary is killed in mid-transfer: the rest comes from its peers, checked against its digests', async () => {
    const sha256 = await makeCopies(['a', 'b'], 40 * MB);
    const peer = await harness.serve('b');
    const primary = await harness.serveWith('a', [peer]);
    const get = harness.start(['get', '--json', `kwik://${primary.address}/film.bin`, '-o', 'out.bin']);
    await primary.process.printed(/"peer-added"/u);
    await grownTo(harness.path('out.bin.kwik-part'), 8 * MB, get);
    primary.process.kill('SIGKILL');
    const { status, result, stderr } = withResult(await get.ended);
    expect({ status, stderr }).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/^kwik: film\.bin: the server was lost before it confirmed[^\n]*\n$/u),
    });
    expect(await sha256Of(harness.path('out.bin'))).toBe(sha256);
    expect(result.sha256).toBe(sha256);
  });

  test('the only server is killed: one that the user named takes over', async () => {
    const sha256 = await makeCopies(['a', 'b'], 40 * MB);
    const named = await harness.serve('b');
    const primary = await harness.serve('a');
    const args = [`kwik://${primary.address}/film.bin`, '--server', named.address, '--timeout', '3', '-o', 'out.bin'];
    const get = harness.start(['get', '--json', ...args]);
    await grownTo(harness.path('out.bin.kwik-part'), 8 * MB, get);
    primary.process.kill('SIGKILL');
    const { status, result, stderr } = withResult(await get.ended);
    expect({ status, stderr }).toMatchObject({ status: 0, stderr: expect.stringContaining('connecting again') });
    expect(await sha256Of(harness.path('out.bin'))).toBe(sha256);
    expect(result).toMatchObject({ sha256, bytes: 40 * MB, resumedFrom: 0 });
    expect(pathTo(result, named).bytes).toBeLessThan(34 * MB);
  });

  test('the primary is killed and its only peer lies: nothing of what the peer says is taken for the file', async () => {
    await harness.makeFile('a/film.bin', 40 * MB);
    await harness.makeFile('b/film.bin', 40 * MB, 'something else');
    const liar = await harness.serve('b');
    const primary = await harness.serveWith('a', [liar]);
    const args = [`kwik://${primary.address}/film.bin`, '--timeout', '3', '-o', 'out.bin'];
    const get = harness.start(['get', '--json', ...args]);
    await grownTo(harness.path('out.bin.kwik-part'), 8 * MB, get);
    primary.process.kill('SIGKILL');
    const { status, stderr } = await get.ended;
    expect({ status, stderr }).toMatchObject({
      status: 4,
      stderr: expect.stringMatching(/MB are kept; run the same/u),
    });
  });
});

describe('a peer that is no help', () => {
  const BYTES = 16 * MB;

  test('corrupt bytes: the file is right, the path is dead with the reason, and it is written down', async () => {
    const sha256 = await harness.makeFile('a/film.bin', BYTES);
    await harness.makeFile('b/film.bin', BYTES, 'something else');
    const liar = await harness.serve('b');
    const primary = await harness.serveWith('a', [liar]);
    const args = [`kwik://${primary.address}/film.bin`, '-f', '-o', 'out.bin', '--trust-scores', 'scores.json'];
    const { status, result } = await harness.get(args);
    expect(status).toBe(0);
    expect(await sha256Of(harness.path('out.bin'))).toBe(sha256);
    expect(pathTo(result, liar)).toMatchObject({ state: 'dead', reason: expect.stringMatching(/digest|trust/iu) });
    expect(pathTo(result, primary).state).toBe('active');
    const kept = await KeptTrustScores.open({ path: harness.path('scores.json') });
    const may = ({ address }: Server) => kept.scores.refusal({ address }, ['replica'], Date.now());
    expect([may(liar), may(primary)]).toEqual([expect.stringContaining('it sent wrong content'), undefined]);
    await kept.close();
  });

  test('a shorter copy is not used, and its server says why', async () => {
    const sha256 = await makeCopies(['a', 'b'], BYTES);
    await truncate(harness.path('b/film.bin'), BYTES - 1);
    const short = await harness.serve('b');
    const primary = await harness.serveWith('a', [short]);
    const { status, result } = await harness.get([`kwik://${primary.address}/film.bin`, '-o', 'out.bin']);
    expect(status).toBe(0);
    expect(await sha256Of(harness.path('out.bin'))).toBe(sha256);
    expect(pathTo(result, short).bytes).toBe(0);
    await short.process.printed(/"replica-refused".*the copy here has 15999999 bytes, the primary's 16000000/u);
  });

  test('one that never answers delays nothing', async () => {
    const sha256 = await makeCopies(['a', 'b'], BYTES);
    const silent = await harness.silentServer();
    const helper = await harness.serve('b');
    const primary = await harness.serveWith('a', [silent, helper]);
    const { status, result } = await harness.get([`kwik://${primary.address}/film.bin`, '-o', 'out.bin']);
    expect(status).toBe(0);
    expect(await sha256Of(harness.path('out.bin'))).toBe(sha256);
    // Whoever waited for the silent one would wait for the ten seconds that it has for joining.
    expect(result.maxGapMs).toBeLessThan(5000);
    expect(pathTo(result, helper).bytes).toBeGreaterThan(0);
  });
});

test('1,000 small files come with -r, each whole and in its place', async () => {
  const content = (index: number): string => `file ${index}\n`.repeat(index % 100);
  for (const folder of ['a', 'b']) {
    for (let index = 0; index < 1000; index++) {
      const directory = harness.path(folder, 'photos', `day ${index % 7}`);
      await mkdir(directory, { recursive: true });
      await writeFile(`${directory}/${index}.txt`, content(index));
    }
  }
  const peer = await harness.serve('b');
  const primary = await harness.serveWith('a', [peer]);
  const { status, result, stderr } = await harness.get(['-r', `kwik://${primary.address}/photos`, '-d', 'got']);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(result.files).toEqual({ total: 1000, done: 1000, skipped: 0, failed: 0 });
  for (let index = 0; index < 1000; index++) {
    const path = harness.path('got', `day ${index % 7}`, `${index}.txt`);
    if ((await readFile(path, 'utf8')) !== content(index)) throw new Error(`${path} differs`);
  }

  const again = await harness.get(['-r', `kwik://${primary.address}/photos`, '-d', 'got', '--skip-existing']);
  expect(again).toMatchObject({ status: 0, result: { bytes: 0, files: { total: 1000, done: 0, skipped: 1000 } } });
});
