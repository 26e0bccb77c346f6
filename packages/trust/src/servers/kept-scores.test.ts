import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { until } from '@kwik/testbed';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { KeptTrustScores } from './kept-scores.js';
import { TrustScores } from './trust-scores.js';

const NOW_MS = Date.UTC(2026, 10, 29);
const DAY_MS = 24 * 3600 * 1000;
const LIAR = { address: 'liar.example:443', pin: 'ab'.repeat(32) };
const GOOD = { address: 'good.example:443', pin: 'cd'.repeat(32) };

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let path: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  path = folder.file('scores.json');
});
afterEach(async () => {
  await folder[Symbol.asyncDispose]();
});

const open = (nowMs = NOW_MS, more = {}) => KeptTrustScores.open({ path, wallClockMs: () => nowMs, ...more });

describe('scores that are kept', () => {
  test('judge servers after a restart as before it', async () => {
    const first = await open();
    first.scores.observe(LIAR, 'wrong-content', NOW_MS);
    for (let n = 0; n < 40; n++) first.scores.observe(GOOD, 'delivered', NOW_MS);
    for (let n = 0; n < 3; n++) first.scores.observe({ address: 'away.example:443' }, 'unreachable', NOW_MS);
    await first.close();
    const second = await open(NOW_MS + 1000);
    expect(second.scores.refusal(LIAR, ['replica'], NOW_MS + 1000)).toMatch(/wrong content/u);
    expect(second.scores.refusal({ address: 'elsewhere.example:1', pin: LIAR.pin }, ['relay'], NOW_MS)).toBeDefined();
    expect(second.scores.standings(NOW_MS + 1000)).toEqual(first.scores.standings(NOW_MS + 1000));
    // And the second lie costs twice as much, although the first was told to another process.
    second.scores.observe(LIAR, 'wrong-content', NOW_MS + DAY_MS);
    expect(second.scores.refusal(LIAR, ['replica'], NOW_MS + 2.9 * DAY_MS)).toBeDefined();
    await second.close();
  });

  test('are written whole, for the owner alone, now and then, and only when something has changed', async () => {
    const kept = await open(NOW_MS, { everyMs: 10 });
    kept.scores.observe(LIAR, 'wrong-content', NOW_MS);
    await until(() => existsSync(path));
    await kept.close();
    const { mtimeMs, mode } = await stat(path);
    expect(mode & 0o777).toBe(0o600);
    await (await open(NOW_MS, { everyMs: 1 })).close();
    expect((await stat(path)).mtimeMs).toBe(mtimeMs);
    expect(await readdir(folder.path)).toEqual(['scores.json']);
  });

  test('forget servers of which nothing is left to say', async () => {
    const kept = await open();
    kept.scores.observe(GOOD, 'delivered', NOW_MS);
    expect(kept.scores.kept(NOW_MS)).toContain('good.example');
    expect(kept.scores.kept(NOW_MS + 3 * DAY_MS)).not.toContain('good.example');
    await kept.close();
  });

  test('that were written by a clock far ahead exclude nobody for longer than the policy does', async () => {
    const scores = new TrustScores();
    scores.observe(LIAR, 'wrong-content', NOW_MS + 9000 * DAY_MS);
    await writeFile(path, scores.kept(NOW_MS + 9000 * DAY_MS));
    const kept = await open();
    expect(kept.scores.refusal(LIAR, ['replica'], NOW_MS + 29 * DAY_MS)).toBeDefined();
    expect(kept.scores.refusal(LIAR, ['replica'], NOW_MS + 31 * DAY_MS)).toBeUndefined();
    await kept.close();
  });

  test.each([
    ['cut off', (text: string) => text.slice(0, -10)],
    ['of something else', () => '{"servers":[]}'],
    ['with a score that cannot be', (text: string) => text.replace('"good":0', '"good":-1')],
    ['with a name that a terminal would act on', (text: string) => text.replace('liar.example', '\\u001b[2J')],
    ['with members that are not known', (text: string) => text.replace('"records"', '"x":1,"records"')],
  ])('are refused when the file is %s, by its name and with what to do', async (_, broken) => {
    const scores = new TrustScores();
    scores.observe(LIAR, 'wrong-content', NOW_MS);
    await writeFile(path, broken(scores.kept(NOW_MS)));
    await expect(open()).rejects.toMatchObject({
      code: 'ERR_KWIK_LOCAL_FILE',
      message: expect.stringMatching(
        /scores\.json cannot be used: these are no trust scores: .*remove it and begin anew/u,
      ),
    });
  });

  test('are whole, of one of them, when several processes write them at once', async () => {
    const failures: unknown[] = [];
    const onFailure = (error: unknown) => failures.push(error);
    const all = await Promise.all(Array.from({ length: 8 }, () => open(NOW_MS, { onFailure })));
    all.forEach(({ scores }, process) => {
      for (let n = 0; n < 200 * process + 1; n++) scores.observe({ address: `${n}.example:443` }, 'violation', NOW_MS);
    });
    await Promise.all(all.map((kept) => kept.close()));
    await (await open()).close();
    expect(failures).toEqual([]);
    expect(await readdir(folder.path)).toEqual(['scores.json']);
  });

  test('are no pipe, for which one would wait for ever', async () => {
    execFileSync('mkfifo', [path]);
    await expect(open()).rejects.toMatchObject({
      code: 'ERR_KWIK_LOCAL_FILE',
      message: expect.stringMatching(/no file/u),
    });
  });

  test('are not written through a link that somebody put there, and not readable for others', async () => {
    const victim = folder.file('victim');
    await writeFile(victim, 'mine');
    await symlink(victim, path);
    await symlink(victim, `${path}.new`);
    const scores = new TrustScores();
    await writeFile(victim, scores.kept(NOW_MS), { mode: 0o644 });
    const kept = await open();
    kept.scores.observe(LIAR, 'wrong-content', NOW_MS);
    await kept.close();
    expect(await readFile(victim, 'utf8')).not.toContain('liar');
    expect((await lstat(path)).mode & 0o170777).toBe(0o100600);
  });

  test('can be read again, whatever servers call themselves and however many there are', async () => {
    const kept = await open(NOW_MS, { maxServers: 20_000 });
    for (const address of ['a b.example:1', 'a\u202e.example:1', `${'x'.repeat(400)}:1`, '']) {
      kept.scores.observe({ address }, 'violation', NOW_MS);
    }
    kept.scores.observe({ address: 'a.example:1', pin: 'no pin' }, 'violation', NOW_MS);
    for (let n = 0; n < 20_000; n++) {
      kept.scores.observe({ address: `${'\u{20000}'.repeat(312)}${n}:1` }, 'violation', NOW_MS + 0.123);
    }
    await kept.close();
    const again = await open(NOW_MS, { maxServers: 20_000 });
    expect(again.scores.standings(NOW_MS).length).toBeGreaterThan(19_990);
    await again.close();
    await expect(open(NOW_MS, { maxServers: 20_001 })).rejects.toMatchObject({ code: 'ERR_KWIK_INVALID_ARGUMENT' });
  });

  test('that cannot be written are said so, tried again, and harm nobody', async () => {
    const failures: unknown[] = [];
    const kept = await open(NOW_MS, { onFailure: (error: unknown) => failures.push(error) });
    await mkdir(path);
    kept.scores.observe(LIAR, 'wrong-content', NOW_MS);
    await kept.close();
    expect(failures).toHaveLength(1);
    expect(await readdir(folder.path)).toEqual(['scores.json']);
  });
});
