import { generateKeyPairSync } from 'node:crypto';
import { appendFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { AuditLog } from './audit-log.js';
import type { LogEntry } from './log-lines.js';
import { verifyAuditLog } from './verify-log.js';

const { privateKey: key } = generateKeyPairSync('ed25519');
const AT_MS = Date.UTC(2026, 10, 30);
const UNCLOSED = 'the run before did not close the log: ends of its sessions may be missing';

function open(path: string, hour: number, maxFileBytes = 1_000_000): Promise<AuditLog> {
  // Nothing is written by time: a run that is killed leaves no timer behind.
  const runtime = { wallClockMs: () => AT_MS + hour * 3_600_000, schedule: () => ({ cancel: () => undefined }) };
  return AuditLog.open({ path, key, origin: 'example.org/log', fsync: 'never', maxFileBytes, runtime });
}

async function openings(path: string): Promise<Pick<LogEntry, 'detail' | 'facts'>[]> {
  const found: Pick<LogEntry, 'detail' | 'facts'>[] = [];
  const { faults } = await verifyAuditLog(path, {
    onEntry: ({ kind, detail, facts }) => kind === 'log-opened' && found.push({ detail, facts }),
  });
  expect(faults).toEqual([]);
  return found;
}

test.each([
  ['in one file', 1_000_000],
  ['that fills a file with each entry', 1],
])('a log %s says where the run before was killed, and nothing where it was closed', async (_what, maxFileBytes) => {
  await using folder = await temporaryFolder();
  const path = folder.file('audit.log');
  const killed = await open(path, 0, maxFileBytes);
  killed.record({ kind: 'session-opened', sessionId: '1' });
  await killed.flush();
  await (await open(path, 1, maxFileBytes)).close();
  await (await open(path, 2, maxFileBytes)).close();
  expect(await openings(path)).toEqual([
    {},
    { detail: UNCLOSED, facts: { unclosedAt: new Date(AT_MS).toISOString() } },
    {},
  ]);
});

test('what was cut off is said besides', async () => {
  await using folder = await temporaryFolder();
  const path = folder.file('audit.log');
  const killed = await open(path, 0);
  await killed.flush();
  await appendFile(path, '{"n":1');
  await (await open(path, 1)).close();
  expect((await openings(path))[1]).toMatchObject({ detail: `${UNCLOSED}; 6 bytes of a broken line were cut off` });
});
