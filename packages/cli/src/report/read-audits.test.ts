import { generateKeyPairSync } from 'node:crypto';
import { copyFile, mkdtemp, rm, symlink } from 'node:fs/promises';
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

test('of a log and a copy from before the longer one counts, and both are verified', async () => {
  const one = await written('one', 3);
  const copy = join(folder, 'copy');
  await copyFile(one, copy);
  await written('one', 2);
  const audit = await read(copy, one);
  expect(audit?.logs).toMatchObject([
    { path: copy, copyOf: one, to: 5, faults: [] },
    { path: one, copyOf: null, to: 9, faults: [] },
  ]);
  expect(audit?.kinds['session-opened']).toBe(5);
});

test('logs of two servers are both counted, although one has signed both', async () => {
  const audit = await read(await written('one', 3), await written('two', 4), await written('three', 5, 'one'));
  expect(audit?.kinds['session-opened']).toBe(12);
  expect(audit?.logs.every(({ copyOf, faults }) => copyOf === null && faults.length === 0)).toBe(true);
});
