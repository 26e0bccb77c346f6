import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { until } from '@kwik/testbed';
import type { WorkerEvent, WorkerFleet, WorkerFleetOptions } from '../../api/workers.js';
import { startWorkers } from './worker-fleet.js';

/** Processes start, on machines that do much else at the time. */
jest.setTimeout(120_000);

/** Says that it listens, and ends when it is to: as if its sessions needed all the time that they have. */
const WORKER = `
process.on('message', (message) => {
  if (message.kwik === 'seat') {
    if (message.payload === 'fails') process.exit(3);
    process.send({ kwik: 'hello' });
    process.send({ kwik: 'ready', address: '127.0.0.1', port: 4433, handoverPort: 1 });
  } else if (message.kwik === 'message') {
    for (let n = 0; n < message.message.count; n++) process.send({ kwik: 'message', message: n });
    process.kill(process.pid, 'SIGKILL');
  } else if (message.kwik === 'drain' && message.timeoutMs < 60_000) process.exit(0);
});
`;

let folder: string;
const fleets: WorkerFleet[] = [];
const events: WorkerEvent[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kwik-fleet-'));
  await writeFile(join(folder, 'worker.mjs'), WORKER);
});
afterEach(async () => {
  await Promise.all(fleets.splice(0).map((fleet) => fleet.close({ timeoutMs: 0 })));
  events.length = 0;
  await rm(folder, { recursive: true });
});

async function start(options: Partial<WorkerFleetOptions> = {}): Promise<WorkerFleet> {
  const script = join(folder, 'worker.mjs');
  const onEvent = (event: WorkerEvent): void => void events.push(event);
  const fleet = await startWorkers({ count: 1, script, execArgv: [], onEvent, ...options });
  fleets.push(fleet);
  return fleet;
}

const states = (fleet: WorkerFleet): string[] => fleet.workers().map(({ worker, state }) => `${worker} ${state}`);

test('restart after restart adds processes up to a bound, and is refused beyond it', async () => {
  const fleet = await start();
  expect(fleet.address).toEqual({ address: '127.0.0.1', port: 4433 });
  for (let times = 0; times < 3; times++) await fleet.restart();
  expect(states(fleet)).toEqual(['0 draining', '1 draining', '2 draining', '3 serving']);
  await expect(fleet.restart()).rejects.toMatchObject({
    code: 'ERR_KWIK_LIMIT_EXCEEDED',
    message: expect.stringContaining('3 workers of earlier restarts have sessions yet'),
  });
  // Those that have ten minutes have them no longer.
  await fleet.close({ timeoutMs: 0 });
  expect(fleet.workers()).toEqual([]);
  const ends = events.filter(({ kind }) => kind === 'drained');
  expect(ends.map(({ reason }) => reason)).toEqual(Array<string>(4).fill('it ended with code 0'));
  expect(events.filter(({ kind }) => kind === 'draining')).toHaveLength(4);
  await expect(fleet.restart()).rejects.toMatchObject({ code: 'ERR_KWIK_INVALID_STATE' });
});

test('a worker that died is started again under its number', async () => {
  const fleet = await start();
  const [before] = fleet.workers();
  process.kill(before!.pid, 'SIGKILL');
  await until(() => events.some(({ kind }) => kind === 'died') && states(fleet).includes('0 serving'));
  expect(fleet.workers()[0]!.pid).not.toBe(before!.pid);
});

test('what a worker sent before it was killed is heard, in order, and before its death', async () => {
  const heard: string[] = [];
  const fleet = await start({
    onMessage: (worker, message) => heard.push(`${worker}: ${String(message)}`),
    onEvent: ({ kind }) => heard.push(kind),
  });
  expect([fleet.send(0, { count: 100 }), fleet.send(1, {})]).toEqual([true, false]);
  await until(() => heard.includes('died'));
  const messages = Array.from({ length: 100 }, (_, n) => `0: ${n}`);
  expect(heard.slice(0, 102)).toEqual(['started', ...messages, 'died']);
});

test('no more than a bounded number of messages waits for a worker that does not read', async () => {
  const fleet = await start();
  const { pid } = fleet.workers()[0]!;
  process.kill(pid, 'SIGSTOP');
  const text = 'x'.repeat(100);
  let sent = 0;
  while (fleet.send(0, { count: 0, text })) sent++;
  expect(sent).toBeGreaterThanOrEqual(16_384);
  expect(sent).toBeLessThan(40_000);
  process.kill(pid, 'SIGKILL');
});

test('a worker that does not come to listen ends the start', async () => {
  await expect(start({ payload: 'fails' })).rejects.toMatchObject({
    code: 'ERR_KWIK_INVALID_STATE',
    message: 'worker 0 does not listen: it ended with code 3',
  });
});

test.each([
  ['count', { count: 0 }],
  ['drainMs', { drainMs: Number.POSITIVE_INFINITY }],
  ['startMs', { startMs: Number.NaN }],
])('%s that cannot be is refused', async (name, options) => {
  await expect(start(options)).rejects.toMatchObject({
    code: 'ERR_KWIK_INVALID_ARGUMENT',
    message: expect.stringContaining(name),
  });
});
