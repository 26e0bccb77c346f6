import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import type { KwikError } from '@kwik/wire';
import { temporaryFolder } from '../../test-support/temporary-folder.js';
import { ScalingFile } from './scaling-file.js';

const disk = temporaryFolder();
const HOUR = { hour: 20, bytesPerSecond: 1e6, sessions: 2 };
const SPENDING = { month: '2026-11', bytes: { 'b.example:4433': 5 } };

describe('what scaling knows', () => {
  test('is there for the next process, in a file of its own that nobody else may read', async () => {
    const failures: KwikError[] = [];
    const first = await ScalingFile.open(disk.path('kept.json'), (error) => failures.push(error));
    expect([first.history.load(), first.spending]).toEqual([[], undefined]);
    first.history.save([HOUR]);
    first.spent({ month: '2026-11', bytes: { 'b.example:4433': 4 } });
    first.spent(SPENDING);
    await first.close();
    const { mode } = await stat(disk.path('kept.json'));
    expect([(mode & 0o777).toString(8), await readdir(disk.path('.'))]).toEqual(['600', ['kept.json']]);
    const second = await ScalingFile.open(disk.path('kept.json'), (error) => failures.push(error));
    expect([second.history.load(), second.hours, second.spending]).toEqual([[HOUR], 1, SPENDING]);
    expect(failures).toEqual([]);
  });

  test('is not written while nothing is new', async () => {
    const file = await ScalingFile.open(disk.path('kept.json'), () => undefined);
    await file.close();
    expect(await readdir(disk.path('.'))).toEqual([]);
  });

  test('is told when it cannot be written, and written as soon as it can', async () => {
    const failures: KwikError[] = [];
    const path = disk.path('gone/kept.json');
    await mkdir(disk.path('gone'));
    const file = await ScalingFile.open(path, (error) => failures.push(error));
    await rm(disk.path('gone'), { recursive: true });
    file.spent(SPENDING);
    await file.close();
    expect(failures.map(({ code }) => code)).toEqual(['ERR_KWIK_LOCAL_FILE', 'ERR_KWIK_LOCAL_FILE']);
    await mkdir(disk.path('gone'));
    await file.close();
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ spending: SPENDING });
  });

  test.each([
    ['no JSON', '{', 'it is no JSON'],
    ['of another version', '{"v":2,"hours":[]}', 'v'],
    ['without hours', '{"v":1}', 'hours'],
    ['of an hour of nobody', '{"v":1,"hours":[{"hour":20,"bytesPerSecond":1,"sessions":0}]}', 'hours[0].sessions'],
    ['of an hour without a need', '{"v":1,"hours":[{"hour":20,"sessions":1}]}', 'hours[0].bytesPerSecond'],
    ['of too many hours', JSON.stringify({ v: 1, hours: Array(337).fill(HOUR) }), 'hours'],
    ['of no month', '{"v":1,"hours":[],"spending":{"month":"2026-13","bytes":{}}}', 'spending.month'],
    ['of less than nothing', '{"v":1,"hours":[],"spending":{"month":"2026-11","bytes":{"b:1":-1}}}', 'spending.bytes'],
    ['too long', ' '.repeat(1024 * 1024 + 1), 'it has more than 1048576 bytes'],
  ])('is not taken from a file that is %s: nothing is overwritten for a slip', async (_name, text, why) => {
    const path = await disk.write('kept.json', text);
    const error = await ScalingFile.open(path, () => undefined).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'ERR_KWIK_LOCAL_FILE', message: expect.stringContaining(why) });
    expect(error).toMatchObject({ message: expect.stringContaining('mend it, or remove it and begin anew') });
    expect(await readFile(path, 'utf8')).toBe(text);
  });

  test('is not taken from a folder', async () => {
    await expect(ScalingFile.open(disk.path('.'), () => undefined)).rejects.toMatchObject({
      code: 'ERR_KWIK_LOCAL_FILE',
    });
  });
});
