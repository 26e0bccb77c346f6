import { readdir, readFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { dial, type Session } from '@kwik/session';
import { pause } from '@kwik/testbed';
import { verifyAuditLog } from '@kwik/trust';
import { Harness, type Server } from './harness.js';

/** Several processes start, on machines that do much else at the time. */
jest.setTimeout(180_000);

let harness: Harness;
const sessions: Session[] = [];
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(async () => {
  await Promise.all(sessions.splice(0).map((session) => session.close(0, '', { timeoutMs: 0 })));
  await harness.close();
});

async function open(address: string): Promise<{ session: Session; worker: number }> {
  const ca = await readFile(harness.path('data', 'dev-authority', 'ca.pem'), 'utf8');
  const session = await dial(address, { trust: { ca }, paths: { localAddress: `127.3.0.${sessions.length + 1}` } });
  sessions.push(session);
  return { session, worker: Number.parseInt(session.id.slice(0, 2), 16) };
}

/** Until both workers have one, and there are `least` of them. */
async function openInBoth(address: string, least: number): Promise<Awaited<ReturnType<typeof open>>[]> {
  const all: Awaited<ReturnType<typeof open>>[] = [];
  while (all.length < least || new Set(all.map(({ worker }) => worker)).size < 2) all.push(await open(address));
  return all;
}

/** Within the time that the test has. */
async function eventually(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await pause(50);
}

async function page(
  server: Server,
): Promise<{ url: string; ask(path: string): Promise<{ status: number; text: string }> }> {
  const [, url = ''] = await server.process.printed(/"event":"admin","url":"([^"]+)"/u);
  return {
    url,
    ask: async (path) => {
      const response = await fetch(url + path);
      return { status: response.status, text: await response.text() };
    },
  };
}

function valueOf(text: string, series: string): number {
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return Number(line?.slice(series.length));
}

async function pidOf(server: Server, worker: number): Promise<number> {
  const [, pid] = await server.process.printed(new RegExp(`"worker-started","worker":${worker},"pid":(\\d+)`, 'u'));
  return Number(pid);
}

/** Kind and session of each entry, once the chain is found whole. */
async function audited(path: string): Promise<{ entries: string[]; closed: boolean }> {
  const entries: string[] = [];
  const { faults, closed } = await verifyAuditLog(path, {
    onEntry: ({ kind, session }) => entries.push(typeof session === 'string' ? `${kind} ${session}` : kind),
  });
  expect(faults).toEqual([]);
  return { entries, closed };
}

const OPENED = 'kwik_sessions_opened_total{role="primary"}';

test('one page shows the sessions of all workers; one that is stuck or killed is said, and what it counted stays', async () => {
  const server = await harness.serve('a', [
    '--workers',
    '2',
    '--admin',
    '0',
    '--history',
    harness.path('history.json'),
  ]);
  const { ask, url } = await page(server);
  const all = await openInBoth(server.address, 4);
  const { total, sessions: listed } = JSON.parse((await ask('state')).text) as {
    total: number;
    sessions: { id: string; worker: number }[];
  };
  expect(total).toBe(all.length);
  const places = listed.map(({ id, worker }) => `${id.split('.')[0]} ${worker}`).sort();
  expect(places).toEqual(all.map(({ session, worker }) => `${session.id} ${worker}`).sort());
  const before = (await ask('metrics')).text;
  expect([valueOf(before, 'kwik_sessions{role="primary"}'), valueOf(before, OPENED)]).toEqual([all.length, all.length]);

  const pid = await pidOf(server, 0);
  process.kill(pid, 'SIGSTOP');
  await eventually(async () => valueOf((await ask('metrics')).text, 'kwik_workers{state="silent"}') === 1);
  const { status, text } = await ask('health');
  expect([status, JSON.parse(text)]).toEqual([200, { status: 'degraded', problems: ['worker 0 does not answer'] }]);
  expect((await ask('state')).text).toContain('Worker 0 does not answer');
  expect(valueOf((await ask('metrics')).text, OPENED)).toBe(all.length);

  process.kill(pid, 'SIGKILL');
  await server.process.printed(/"worker-died","worker":0[^]*"worker-started","worker":0/u);
  await eventually(async () => valueOf((await ask('metrics')).text, 'kwik_workers{state="answering"}') === 2);
  const after = (await ask('metrics')).text;
  expect(valueOf(after, OPENED)).toBe(all.length);
  expect(valueOf(after, 'kwik_sessions{role="primary"}')).toBe(all.filter(({ worker }) => worker === 1).length);
  expect(JSON.parse((await ask('flight')).text)).toMatchObject({ workers: [{}, {}] });
  expect(await harness.run(['health', url])).toMatchObject({ status: 0, stdout: 'ok\n' });
  server.process.kill('SIGINT');
  expect((await server.process.ended).status).toBe(0);
  expect(JSON.parse(await readFile(harness.path('history.json'), 'utf8'))).toMatchObject({ version: 1 });
});

test('the audit log is one: it has every session that a client knew of, also of a worker that is killed at once', async () => {
  const log = harness.path('audit.log');
  const server = await harness.serve('a', ['--workers', '2', '--audit', log]);
  const pids = [await pidOf(server, 0), await pidOf(server, 1)];
  const all = await openInBoth(server.address, 6);
  const last = await open(server.address);
  process.kill(pids[last.worker]!, 'SIGKILL');
  await server.process.printed(
    new RegExp(`"worker-died","worker":${last.worker}[^]*"worker-started","worker":${last.worker}`, 'u'),
  );
  const later = await open(server.address);
  server.process.kill('SIGINT');
  expect((await server.process.ended).status).toBe(0);
  const { entries, closed } = await audited(log);
  expect(closed).toBe(true);
  for (const { session } of [...all, last, later]) {
    expect(entries.filter((entry) => entry === `session-opened ${session.id}`)).toHaveLength(1);
  }
  // Those of the worker that was killed included, by the process that writes the log.
  for (const { session } of [...all, last, later]) {
    expect(entries.filter((entry) => entry === `session-closed ${session.id}`)).toHaveLength(1);
  }
  // Two at the beginning, and the one that took the place of the dead one.
  expect(entries.filter((entry) => entry === 'listener-opened')).toHaveLength(3);
  expect(entries.filter((entry) => entry === 'listener-closed')).toHaveLength(2);
  const { status, stdout } = await harness.run(['audit', 'verify', log]);
  expect([status, stdout]).toEqual([0, expect.stringContaining('as it was written')]);
});

test('a rolling restart goes on in the same log, to the last word of those that end', async () => {
  const log = harness.path('audit.log');
  const server = await harness.serve('a', ['--workers', '2', '--audit', log]);
  const { session } = await open(server.address);
  server.process.kill('SIGHUP');
  await server.process.printed(/"event":"restarted"/u);
  await session.close();
  await server.process.printed(/"worker-drained","worker":0/u);
  await server.process.printed(/"worker-drained","worker":1/u);
  server.process.kill('SIGINT');
  await server.process.ended;
  const { entries, closed } = await audited(log);
  expect([closed, entries.filter((entry) => entry === 'listener-closed').length]).toEqual([true, 4]);
  expect(entries).toContain(`session-closed ${session.id}`);
});

test('qlogs of all workers are in one folder, each whole', async () => {
  const server = await harness.serve('a', ['--workers', '2', '--qlog', harness.path('qlog')]);
  const all = await openInBoth(server.address, 2);
  await Promise.all(all.map(({ session }) => session.close()));
  server.process.kill('SIGINT');
  await server.process.ended;
  const names = await readdir(harness.path('qlog'));
  for (const { session } of all) expect(names.filter((name) => name.includes(session.id.slice(0, 16)))).toHaveLength(1);
  expect(new Set(names.map((name) => /-p(\d+)-/u.exec(name)?.[1])).size).toBe(2);
});

test('a log or a page that cannot be had ends the start before there is a worker', async () => {
  const taken = await harness.serve('a', ['--workers', '2', '--admin', '0']);
  const [, port] = await taken.process.printed(/"event":"admin","url":"http:\/\/127\.0\.0\.1:(\d+)/u);
  const serve = (...args: string[]) =>
    harness.run(['serve', harness.path('a'), '--listen', '0', '--workers', '2', ...args]);
  expect(await serve('--admin', port!)).toMatchObject({ status: 2, stderr: expect.stringContaining('EADDRINUSE') });
  const nowhere = harness.path('nowhere', 'log');
  expect(await serve('--audit', nowhere)).toMatchObject({ status: 1, stderr: expect.stringContaining(nowhere) });
  expect(await serve('--history', 'x')).toMatchObject({ status: 2, stderr: expect.stringContaining('--admin') });
});
