import { once } from 'node:events';
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CounterRegistry, type PathReading } from '@kwik/wire';
import { pathReading, sessionReading } from '../test-support/sources.js';
import { History } from './history.js';
import { columnsOf } from './history-routes.js';
import { HOUR_MS, MINUTE_MS } from './history-rows.js';

const NOON = Date.UTC(2026, 10, 29, 12);

let folder: string;
const open: History[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kwik-history-'));
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((history) => history.close()));
  await rm(folder, { recursive: true, force: true });
});

/** A process with one session, whose clock is moved by hand. */
function world(startMs = NOON) {
  const counters = new CounterRegistry();
  let paths: PathReading[] = [];
  let nowMs = startMs;
  counters.add({ kind: 'session', role: 'client', read: () => sessionReading({ paths }) });
  const history = new History({ counters, wallClockMs: () => nowMs });
  open.push(history);
  const pass = (times: number, next: PathReading[] = paths, stepMs = MINUTE_MS): void => {
    for (let time = 0; time < times; time++) {
      paths = next;
      nowMs += stepMs;
      history.sample();
    }
  };
  return { counters, history, pass, setClock: (ms: number) => (nowMs = ms) };
}

const north = (receivedBytes: number): PathReading => pathReading({ receivedBytes, sentBytes: 0, rttMs: 20 });

describe('a history', () => {
  it('has what each server carried in each minute and hour, and how its paths were', () => {
    const { history, pass } = world();
    pass(1, [north(6_000), pathReading({ server: 'south', flow: 'stalled', receivedBytes: 0, sentBytes: 0 })]);
    pass(59, [north(6_000)]);
    pass(1);
    expect(history.minutes).toHaveLength(61);
    expect(history.minutes[0]).toMatchObject({
      atMs: NOON,
      servers: [
        { name: 'north', receivedBytes: 6_000, rttMs: 20, paths: 1, well: 1 },
        { name: 'south', receivedBytes: 0, paths: 1, well: 0 },
      ],
    });
    expect(history.minutes[1]!.servers).toMatchObject([{ name: 'north', receivedBytes: 0 }]);
    expect(history.hours).toMatchObject([{ atMs: NOON, servers: [{ name: 'north', receivedBytes: 6_000 }, {}] }]);
  });

  it('is a day and a month at the most, and of the busiest servers', () => {
    const { history, pass } = world();
    const many = Array.from({ length: 60 }, (_, index) =>
      pathReading({ server: `server ${index}`, receivedBytes: 1_000 * index }),
    );
    pass(750, many.slice(0, 1), HOUR_MS);
    pass(1_450);
    pass(1, many);
    expect([history.minutes.length, history.hours.length]).toEqual([1_440, 744]);
    const { servers } = history.minutes.at(-1)!;
    expect(servers).toHaveLength(17);
    expect(servers[0]!.name).toBe('server 59');
    expect(servers[16]).toMatchObject({ name: 'others', paths: 44 });
  });

  it('goes on where an earlier process was, with the hour in which that ended, and a gap', async () => {
    const file = join(folder, 'history.json');
    const first = world();
    await first.history.keep(file);
    first.pass(50, [north(6_000)]);
    await first.history.close();
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const second = world(NOON + HOUR_MS + 10 * MINUTE_MS);
    await second.history.keep(file);
    expect(second.history.hours).toMatchObject([{ atMs: NOON, servers: [{ receivedBytes: 6_000 }] }]);
    second.pass(1, [north(1_200)]);
    const { times, servers } = columnsOf(second.history.minutes, MINUTE_MS);
    expect(times).toHaveLength(52);
    expect(servers).toMatchObject([{ name: 'north' }]);
    expect(servers[0]!.rate.slice(-3)).toEqual([0, null, 20]);
    expect(await readdir(folder)).toEqual(['history.json']);
  });

  it('goes on at once after a clock that was years ahead for hours', () => {
    const { history, pass, setClock } = world();
    pass(3);
    setClock(NOON + 4 * 365 * 24 * HOUR_MS);
    pass(130);
    expect(history.hours.length).toBeGreaterThan(1);
    setClock(NOON + 10 * MINUTE_MS);
    pass(2);
    const minutes = history.minutes.map(({ atMs }) => (atMs - NOON) / MINUTE_MS);
    expect(minutes).toEqual([0, 1, 2, 3, 11]);
    pass(60);
    expect(history.hours.map(({ atMs }) => atMs)).toEqual([NOON]);
  });

  it('survives a clock that is set back, and rows of the future', async () => {
    const file = join(folder, 'history.json');
    const { history, pass, setClock } = world();
    pass(3);
    setClock(NOON);
    pass(2);
    expect(history.minutes.map(({ atMs }) => atMs)).toEqual([0, 1, 2, 3].map((minute) => NOON + minute * MINUTE_MS));
    await history.keep(file);
    pass(2);
    await history.close();
    const early = world(NOON - HOUR_MS);
    await early.history.keep(file);
    expect(early.history.minutes).toEqual([]);
  });

  it.each(['no JSON', '{"version":2}', '{"version":1,"minutes":[[1,["a",-1]]],"hours":[]}', 'null'])(
    'moves %j aside, says so, and begins anew',
    async (text) => {
      const file = join(folder, 'history.json');
      await writeFile(file, text);
      const faults: string[] = [];
      await world().history.keep(file, ({ message }) => faults.push(message));
      expect(faults).toEqual([expect.stringMatching(/cannot be read .*history\.json\.broken/u)]);
      expect(await readFile(`${file}.broken`, 'utf8')).toBe(text);
      expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ version: 1, minutes: [] });
    },
  );

  it('keeps the last five broken files, whichever were there before', async () => {
    const file = join(folder, 'history.json');
    await mkdir(`${file}.broken.2`);
    await writeFile(`${file}.broken.x`, 'mine');
    for (let round = 0; round < 8; round++) {
      await writeFile(file, `broken ${round}`);
      const faults: string[] = [];
      await world().history.keep(file, ({ message }) => faults.push(message));
      expect(faults).toEqual([expect.stringContaining(`it is ${file}.broken.${round + 3} now`)]);
    }
    const kept = (await readdir(folder)).filter((name) => name !== 'history.json').sort();
    expect(kept).toEqual(['2', '6', '7', '8', '9', '10', 'x'].map((end) => `history.json.broken.${end}`).sort());
    expect(await readFile(`${file}.broken.6`, 'utf8')).toBe('broken 3');
    expect(await readFile(`${file}.broken.10`, 'utf8')).toBe('broken 7');
  });

  it('removes what a process that ended left half-written, and nothing else', async () => {
    const file = join(folder, 'history.json');
    const names = ['history.json.123.new', 'history.json.new', 'history.json.456.new'];
    for (const name of names) await writeFile(join(folder, name), '');
    for (const name of names.slice(0, 2)) await utimes(join(folder, name), 1, 1);
    await world().history.keep(file);
    expect((await readdir(folder)).sort()).toEqual([...names.slice(1), 'history.json'].sort());
  });

  it('has each name once, whatever servers call themselves', () => {
    const { history, pass } = world();
    const long = 'x'.repeat(200);
    const names = [
      'others',
      'without a name',
      '',
      `${long}1`,
      `${long}2`,
      ...Array.from({ length: 20 }, (_, n) => `${n}`),
    ];
    const paths = names.map((server) => pathReading({ server, receivedBytes: 1_000, sentBytes: 0 }));
    pass(60, paths);
    pass(1);
    for (const row of [history.minutes[0]!, history.hours[0]!]) {
      const shown = row.servers.map(({ name }) => name);
      expect(new Set(shown).size).toBe(shown.length);
      expect(shown).toHaveLength(17);
      expect(row.servers.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0)).toBe(25_000);
      expect(row.servers.reduce((sum, server) => sum + server.paths, 0)).toBe(25);
    }
  });

  it('is refused for what is no file, which stays what it is, and touches nothing behind a link', async () => {
    const socket = join(folder, 'socket');
    const server = createServer().listen(socket);
    await once(server, 'listening');
    await expect(world().history.keep(socket)).rejects.toMatchObject({
      code: 'ERR_KWIK_LOCAL_FILE',
      message: expect.stringMatching(/a device, a pipe or a socket/u),
    });
    expect((await lstat(socket)).isSocket()).toBe(true);
    await new Promise((done) => server.close(done));

    // Through a link that somebody put there, neither is anything moved nor written.
    const [victim, link] = [join(folder, 'victim'), join(folder, 'link')];
    await writeFile(victim, 'mine');
    await symlink(victim, link);
    await world().history.keep(link);
    expect(await readFile(victim, 'utf8')).toBe('mine');
    expect((await lstat(link)).isFile()).toBe(true);
  });

  it('is refused where a file that is none of its own cannot be moved aside, and leaves that as it is', async () => {
    // Longer by `.broken` a name cannot be.
    const name = `${'x'.repeat(245)}.json`;
    const file = join(folder, name);
    await writeFile(file, 'mine');
    await expect(world().history.keep(file)).rejects.toMatchObject({
      code: 'ERR_KWIK_LOCAL_FILE',
      message: expect.stringMatching(/cannot be read .*nor moved aside/u),
    });
    expect(await readFile(file, 'utf8')).toBe('mine');
    await expect(world().history.keep(folder)).rejects.toMatchObject({
      message: expect.stringContaining('is a folder'),
    });
    expect(await readdir(folder)).toContain(name);
  });

  it('is refused where it cannot be written', async () => {
    await expect(world().history.keep(join(folder, 'none', 'file'))).rejects.toMatchObject({
      code: 'ERR_KWIK_LOCAL_FILE',
    });
  });
});
