import { describe, expect, jest, test } from '@jest/globals';
import type { Session, Stream } from '@kwik/session';
import { FIRST_CLIENT_PATH_ID } from '../src/limits.js';
import { pattern } from './harness.js';
import { SimulatedWorld, type SimulatedServer } from './simulated-world.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(180_000);

const DELAY_MS = 10;
const LINK = { both: { rateBitsPerSecond: 5e5, delayMs: DELAY_MS, queueBytes: 20_000 } };
const FURTHER = ['10.9.0.2', '10.9.0.3'];
const SHORT = { text: 'the server is short of memory', copies: false, probing: false };
/** What the reader of a stream may wait for the next bytes. */
const GAP_MS = 6 * DELAY_MS + 50;

async function setUp(seed: number) {
  const world = new SimulatedWorld(seed);
  const server = world.server('10.0.0.1', LINK);
  for (const from of FURTHER) world.network.link(`${from} to ${server.address}`, LINK);
  const extra = FURTHER.map((localAddress) => ({ localAddress }));
  const client = await world.dial(server.address, { paths: { extra } });
  await until(world, () => paths(client) === 3);
  return { world, server, client };
}

const paths = (client: Session): number =>
  client.getActivePaths().filter(({ state }) => ['active', 'degraded'].includes(state)).length;

async function until(world: SimulatedWorld, condition: () => boolean, maxMs = 30_000): Promise<void> {
  if (!(await world.clock.runUntilAsync(condition, { maxMs }))) throw new Error('it did not come to be');
}

/** Everything that comes, and how long the reader waited at the most. */
function read(stream: Stream, world: SimulatedWorld) {
  const seen = { bytes: 0, longestMs: 0, wrong: 0 };
  const content = pattern(LENGTH);
  const done = (async () => {
    let lastMs: number | undefined;
    for await (const chunk of stream) {
      const now = world.clock.now();
      if (lastMs !== undefined) seen.longestMs = Math.max(seen.longestMs, now - lastMs);
      lastMs = now;
      if (!Buffer.from(chunk).equals(content.subarray(seen.bytes, seen.bytes + chunk.length))) seen.wrong++;
      seen.bytes += chunk.length;
    }
  })();
  return { seen, done };
}

const LENGTH = 3_500_000;

/** Shortage comes and goes while something is transferred. */
async function upAndDown(world: SimulatedWorld, server: SimulatedServer, client: Session): Promise<number[]> {
  const counts: number[] = [];
  for (const most of [2, 1, 2, Infinity]) {
    server.shortage.set(most === Infinity ? undefined : { ...SHORT, paths: most });
    await until(world, () => paths(client) === Math.min(most, 3));
    await world.pass(1000);
    counts.push(paths(client));
  }
  return counts;
}

describe('a server that lets its sessions have fewer paths', () => {
  test('drains them without a gap for the reader, and has them back by themselves: a download', async () => {
    const { world, server, client } = await setUp(1);
    const stream = server.sessions[0]!.openStream({ unidirectional: true });
    void stream.write(pattern(LENGTH)).then(() => stream.close());
    const { seen, done } = read(await world.settle(client.acceptStream()), world);
    expect(await upAndDown(world, server, client)).toEqual([2, 1, 2, 3]);
    expect(seen.bytes).toBeLessThan(LENGTH);
    expect(server.sessions[0]!.serviceLevel.reason).not.toContain('short of memory');
    await world.settle(done);
    expect(seen).toMatchObject({ bytes: LENGTH, wrong: 0 });
    expect(seen.longestMs).toBeLessThanOrEqual(GAP_MS);
  });

  test('drains them without a gap for the reader, and has them back by themselves: an upload', async () => {
    const { world, server, client } = await setUp(2);
    const stream = client.openStream();
    void stream.write(pattern(LENGTH)).then(() => stream.close());
    const { seen, done } = read(await world.settle(server.sessions[0]!.acceptStream()), world);
    expect(await upAndDown(world, server, client)).toEqual([2, 1, 2, 3]);
    expect(seen.bytes).toBeLessThan(LENGTH);
    await world.settle(done);
    expect(seen).toMatchObject({ bytes: LENGTH, wrong: 0 });
    expect(seen.longestMs).toBeLessThanOrEqual(GAP_MS);
  });

  test('takes no further path meanwhile, says why and when, and loses no session whose only path is gone', async () => {
    const { world, server, client } = await setUp(3);
    server.shortage.set({ ...SHORT, paths: 1 });
    await until(world, () => paths(client) === 1);
    expect(server.sessions[0]!.serviceLevel).toEqual({ level: 'reduced', reason: 'the server is short of memory' });
    // Both have gone, one after the other, and both have been told when to come back.
    await world.pass(15_000);
    expect(client.getAllPaths().find(({ id }) => Number(id) === FIRST_CLIENT_PATH_ID)).toMatchObject({
      errorCode: 'ERR_KWIK_CONNECTION_REFUSED',
      reason: expect.stringContaining('the server is short of memory'),
    });
    // However long it lasts, the paths are there again soon after it.
    await world.pass(120_000);
    expect(paths(client)).toBe(1);
    server.link.cut();
    await until(world, () => client.getActivePaths().some(({ id }) => Number(id) >= FIRST_CLIENT_PATH_ID), 60_000);
    expect(client.serviceLevel.level).not.toBe('none');
    server.link.heal();
    server.shortage.set();
    await until(world, () => paths(client) === 3, 60_000);
  });
});
