import { generateKeyPairSync } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { AuditLog } from '@kwik/trust';
import { readAudits } from './read-audits.js';

const { privateKey: key } = generateKeyPairSync('ed25519');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kwik-audits-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function written(name: string, sessions: number, origin = name): Promise<string> {
  const path = join(folder, name);
  const log = await AuditLog.open({ path, key, origin, fsync: 'never' });
  for (let number = 0; number < sessions; number++) log.record({ kind: 'session-opened', sessionId: `${number}` });
  await log.close();
  return path;
}

const read = (...audit: string[]) => readAudits({ audit, auditKey: [], checkpoint: [] });

test('a log that is given twice, by whatever name, is read and counted once', async () => {
  const one = await written('one', 3);
  const link = join(folder, 'link');
  await symlink(one, link);
  const audit = await read(one, one, link);
  expect([audit?.logs.length, audit?.kinds['session-opened']]).toEqual([1, 3]);
});

test('of a log and a copy from before each entry counts once, and both are verified', async () => {
  const one = await written('one', 3);
  const copy = join(folder, 'copy');
  await copyFile(one, copy);
  await written('one', 2);
  const audit = await read(copy, one);
  expect(audit?.logs).toMatchObject([
    { path: copy, repeated: 0, to: 5, faults: [] },
    { path: one, repeated: 5, to: 9, faults: [] },
  ]);
  expect(audit?.kinds['session-opened']).toBe(5);
});

test('of archived copies that begin at different files each entry counts once, in whatever order they are given', async () => {
  const one = join(folder, 'one');
  const log = await AuditLog.open({ path: one, key, origin: 'one', fsync: 'never', maxFileBytes: 600 });
  for (let number = 0; number < 20; number++) {
    log.record({ kind: 'session-opened', sessionId: `${number}` });
    await log.flush();
  }
  await log.close();
  const full = (await readdir(folder)).filter((name) => /^one\.\d+$/u.test(name));
  expect(full.length).toBeGreaterThan(4);
  /** Files of the archive from one number to another; of the last number the log itself. */
  const archived = async (name: string, numbers: readonly number[], last = false): Promise<string> => {
    await mkdir(join(folder, name));
    const names = [...numbers.map((number) => `one.${number}`), ...(last ? ['one'] : [])];
    for (const file of names) await copyFile(join(folder, file), join(folder, name, file));
    return join(folder, name, 'one');
  };
  const copies = [
    await archived('early', [1, 2, 3]),
    await archived('middle', [2, 3, 4]),
    await archived(
      'late',
      full.map((name) => Number(name.split('.')[1])).filter((number) => number > 2),
      true,
    ),
  ];
  for (const given of [copies, copies.toReversed(), [one, ...copies]]) {
    const audit = await read(...given);
    expect(audit?.kinds).toEqual({ 'log-opened': 1, 'session-opened': 20, 'log-closed': 1 });
    expect(audit?.logs.flatMap(({ faults }) => faults)).toEqual([]);
    const entries = audit?.logs.reduce((sum, { from, to, repeated }) => sum + to - from - repeated, 0);
    expect(entries).toBe(22);
  }
});

test('logs of two servers are both counted, although one has signed both', async () => {
  const audit = await read(await written('one', 3), await written('two', 4), await written('three', 5, 'one'));
  expect(audit?.kinds['session-opened']).toBe(12);
  expect(audit?.logs.every(({ repeated, faults }) => repeated <= 1 && faults.length === 0)).toBe(true);
});
