import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { dial, type Session } from '@kwik/session';
import { until } from '@kwik/testbed';
import { grownTo, Harness, sha256Of, type Server } from './harness.js';

/** Several processes start, on machines that do much else at the time. */
jest.setTimeout(180_000);

const MB = 1_000_000;

let harness: Harness;
const sessions: Session[] = [];
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(async () => {
  await Promise.all(sessions.splice(0).map((session) => session.close(0, '', { timeoutMs: 0 })));
  await harness.close();
});

/** `kwik serve --workers 2`; its first line says when both listen. */
function serveWorkers(args: readonly string[] = []): Promise<Server> {
  return harness.serve('a', ['--workers', '2', ...args]);
}

/**
 * A further session of this very process, over two paths, and the worker that has it. Each has local addresses of its own:
 * those that share a socket are one to the kernel.
 */
async function sessionAt(address: string): Promise<{ session: Session; worker: number }> {
  const ca = await readFile(harness.path('data', 'dev-authority', 'ca.pem'), 'utf8');
  const [localAddress, other] = [`127.1.0.${sessions.length + 1}`, `127.2.0.${sessions.length + 1}`];
  const session = await dial(address, { trust: { ca }, paths: { localAddress, localAddresses: [other] } });
  sessions.push(session);
  return { session, worker: Number.parseInt(session.id.slice(0, 2), 16) };
}

async function bothPathsUp(session: Session): Promise<void> {
  while (session.getActivePaths().filter(({ state }) => state === 'active').length < 2) {
    await new Promise<void>((resolve) => {
      const stop = session.onPathChange(() => {
        stop();
        resolve();
      });
    });
  }
}

test('two processes share a port: each session is in one of them with all its paths, and one that dies takes only its own', async () => {
  const hash = await harness.makeFile('a/file', MB);
  const announcing = ['--announce', 'dns-sd:films.test', '--service', 'films', '--server-id', 'one', '--drain', '2'];
  const { address, process } = await serveWorkers(announcing);
  // They are one server to others.
  expect((await process.printed(/"event":"zone"[^\n]*/u))[0]).toContain(` ${address.split(':')[1]!} `);
  const [, pid] = await process.printed(/"worker-started","worker":0,"pid":(\d+)/u);
  const all: Awaited<ReturnType<typeof sessionAt>>[] = [];
  while (new Set(all.map(({ worker }) => worker)).size < 2 || all.length < 4) all.push(await sessionAt(address));
  expect(all.every(({ worker }) => worker === 0 || worker === 1)).toBe(true);
  await Promise.all(all.map(({ session }) => bothPathsUp(session)));
  // And each tells its clients how all of them are together.
  const isTold = ({ session }: { session: Session }): boolean =>
    session.getActivePaths().some(({ serverHealth }) => serverHealth?.accepting === true);
  await until(() => all.every(isTold), 60_000);

  const ended = new Set<number>();
  const ends = all.map(({ session, worker }) => session.closed.then(() => ended.add(worker)));
  globalThis.process.kill(Number(pid), 'SIGKILL');
  await process.printed(/"worker-died","worker":0[^]*"worker-started","worker":0/u);
  // Their clients learn at once that their session is gone: the new process resets what it does not know.
  await Promise.all(ends.filter((_, index) => all[index]!.worker === 0));
  expect([...ended]).toEqual([0]);
  const got = await harness.get([`kwik://${address}/file`, '-o', harness.path('copy')]);
  expect([got.status, got.result.sha256]).toEqual([0, hash]);
  for (const { session, worker } of all) if (worker === 1) await session.openStream().close();
  process.kill('SIGINT');
  const { status, stdout } = await process.ended;
  expect([status, stdout.match(/"event":"zone"/gu)?.length]).toEqual([0, 1]);
  // It is said once, by the process that was told to stop.
  expect(stdout.match(/"event":"stopping","seconds":2\}/gu)).toHaveLength(1);
});

test('a rolling restart loses no byte of a download under way, and new clients come to new processes', async () => {
  const hash = await harness.makeFile('a/big', 40 * MB);
  const { address, process } = await serveWorkers();
  const download = harness.start(['get', '--json', `kwik://${address}/big`, '-o', harness.path('copy')]);
  await grownTo(harness.path('copy.kwik-part'), MB / 2, download);
  process.kill('SIGHUP');
  await process.printed(/"event":"restarted"/u);
  expect((await sessionAt(address)).worker).toBeGreaterThan(1);
  expect((await download.ended).status).toBe(0);
  expect(await sha256Of(harness.path('copy'))).toBe(hash);
  await process.printed(/"worker-drained","worker":0/u);
  await process.printed(/"worker-drained","worker":1/u);
  // It was one session from its beginning to its end, whichever process it was in.
  process.kill('SIGINT');
  const { stdout } = await process.ended;
  expect(stdout.match(/"session-opened"/gu)).toHaveLength(2);
});
