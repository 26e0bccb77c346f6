import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { until } from '@kwik/testbed';
import type { AuditEvent } from '@kwik/wire';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { AuditLog, type AuditLogOptions } from './audit-log.js';
import { AuditSender } from './audit-sender.js';
import { systemDisk } from './log-file.js';
import { SharedAuditLog } from './shared-audit-log.js';
import { verifyAuditLog } from './verify-log.js';

const { privateKey } = generateKeyPairSync('ed25519');

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let path: string;
let log: AuditLog;
beforeEach(async () => {
  folder = await temporaryFolder();
  path = folder.file('audit.log');
});
afterEach(async () => {
  await log.close().catch(() => undefined);
  await folder[Symbol.asyncDispose]();
});

const event = (process: number, number: number): AuditEvent => ({
  kind: 'session-opened',
  sessionId: `${process}-${number}`,
});

/** Two processes and their writer; messages take a turn of the loop, as between processes, and keep their order. */
async function share(options: Partial<AuditLogOptions> = {}) {
  log = await AuditLog.open({ path, key: privateKey, origin: 'example.org/one', fsync: 'never', ...options });
  const retries: (() => void)[] = [];
  const state = { connected: true, reads: true };
  const shared: SharedAuditLog = new SharedAuditLog({
    log,
    send: (process, message) => setImmediate(() => senders[process]!.take(structuredClone(message))),
    schedule: (_ms, callback) => {
      retries.push(callback);
      return { cancel: () => undefined };
    },
  });
  const senders = [0, 1].map(
    (process) =>
      new AuditSender({
        send: (message) => {
          if (!state.reads) return false;
          setImmediate(() => shared.take(process, structuredClone(message)));
          return true;
        },
        isConnected: () => state.connected,
      }),
  );
  shared.add(0);
  shared.add(1);
  return { senders: senders as [AuditSender, AuditSender], shared, state, retries };
}

async function sessionsIn(): Promise<string[]> {
  const seen: string[] = [];
  const { faults } = await verifyAuditLog(path, {
    onEntry: ({ kind, session, facts }) =>
      seen.push(typeof session === 'string' ? session : `${kind} ${JSON.stringify(facts ?? {})}`),
  });
  expect(faults).toEqual([]);
  return seen;
}

test('one chain holds the events of both processes, each in its order, and says when they are written', async () => {
  const { senders } = await share();
  for (let number = 0; number < 300; number++)
    for (const process of [0, 1]) senders[process]!.record(event(process, number));
  await Promise.all(senders.map((sender) => sender.close()));
  const seen = await sessionsIn();
  for (const process of [0, 1]) {
    const own = seen.filter((session) => session.startsWith(`${process}-`));
    expect(own).toEqual(Array.from({ length: 300 }, (_, number) => `${process}-${number}`));
  }
  senders[0].record(event(0, 300));
  expect(log.stats().entries).toBe(601);
});

test('a process that dies leaves no session without an end, and ends none twice', async () => {
  const { senders, shared } = await share();
  const of = (kind: 'session-opened' | 'session-closed', sessionId: string, role: 'primary' | 'secondary') =>
    senders[0].record({ kind, sessionId, role });
  of('session-opened', 'one', 'primary');
  of('session-opened', 'two', 'primary');
  of('session-opened', 'two', 'secondary');
  of('session-closed', 'two', 'primary');
  senders[1].record(event(1, 0));
  await Promise.all(senders.map((sender) => sender.close()));
  shared.remove(0);
  shared.remove(0);
  const ends: unknown[] = [];
  await log.close();
  const { faults } = await verifyAuditLog(path, {
    onEntry: ({ kind, session, role, code, facts }) => {
      if (kind === 'session-closed') ends.push([session, role, code, facts]);
    },
  });
  expect(faults).toEqual([]);
  expect(ends).toEqual([
    ['two', 'primary', undefined, undefined],
    ['one', 'primary', 'ERR_KWIK_PATH_DEAD', { by: 'process' }],
    ['two', 'secondary', 'ERR_KWIK_PATH_DEAD', { by: 'process' }],
  ]);
});

test('a log that cannot be written stops all processes, also one that comes then, until it can be written', async () => {
  const disk = systemDisk();
  let full = false;
  const { senders, shared, retries } = await share({
    runtime: {
      disk: {
        ...disk,
        open: async (at) => {
          const handle = await disk.open(at);
          return {
            ...handle,
            append: (bytes) => (full ? Promise.reject(new Error('ENOSPC')) : handle.append(bytes)),
          };
        },
      },
    },
  });
  full = true;
  senders[0].record(event(0, 1));
  await until(() => senders[1].fault !== undefined);
  expect(senders[0].fault).toMatchObject({ code: 'ERR_KWIK_LOCAL_FILE', message: expect.stringContaining('ENOSPC') });
  shared.remove(1);
  shared.add(1);
  full = false;
  retries.splice(0).forEach((retry) => retry());
  await until(() => senders.every(({ fault }) => fault === undefined));
  await Promise.all(senders.map((sender) => sender.close()));
  expect(await sessionsIn()).toContain('0-1');
});

test('events beyond what may wait for the writer are counted, and their number is written', async () => {
  const { senders, state } = await share();
  for (let number = 0; number < 10_005; number++) senders[0].record(event(0, number));
  state.reads = false;
  senders[1].record(event(1, 0));
  state.reads = true;
  await Promise.all(senders.map((sender) => sender.close()));
  const seen = await sessionsIn();
  expect(seen.filter((session) => session.startsWith('0-'))).toHaveLength(10_000);
  const lost = seen.flatMap((text) => /^entries-lost \{"count":(\d+)\}$/u.exec(text)?.[1] ?? []);
  expect(lost.reduce((sum, count) => sum + Number(count), 0)).toBe(6);
});

test('without the process that writes nobody is let in, and the end does not wait for it', async () => {
  const { senders, state } = await share();
  state.reads = false;
  state.connected = false;
  senders[0].record(event(0, 1));
  expect(senders[0].fault).toMatchObject({ message: expect.stringContaining('is gone') });
  await expect(senders[0].close()).rejects.toMatchObject({ message: expect.stringContaining('1 audit events') });
});
