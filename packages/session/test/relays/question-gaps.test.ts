import { describe, expect, jest, test } from '@jest/globals';
import { SeededRandom } from '@kwik/testbed';
import type { ServerSession, Session, Stream } from '@kwik/session';
import { SimulatedWorld, type SimulatedServer } from '../simulated-world.js';

/** For machines that do much else at the time. */
jest.setTimeout(240_000);

/** From the client to a relay, ms one way. */
const TO_RELAY_MS = 5;
const QUESTION_BYTES = 100;
const BULK_BYTES = 1_000_000;
/** Of questions and answers, in all. */
const MOST_COPIES = 20;
const RATE_BITS_PER_SECOND = 1e7;
const QUEUE_BYTES = 100_000;
/** What a link holds at the most, of 50 ms there and back. */
const LINK_BYTES = QUEUE_BYTES + (RATE_BITS_PER_SECOND / 8) * 0.05;
/** It asks for so long, about, before a relay vanishes, and after that. */
const BEFORE_MS = 500;
const AFTER_MS = 1000;
const SEEDS = Array.from({ length: 12 }, (_, index) => index + 1);

const linkOf = (rttMs: number, jitterMs = 0) => ({
  both: { rateBitsPerSecond: RATE_BITS_PER_SECOND, delayMs: rttMs / 2, jitterMs, queueBytes: QUEUE_BYTES },
});

interface Scene {
  readonly world: SimulatedWorld;
  readonly random: SeededRandom;
  readonly relays: readonly SimulatedServer[];
  readonly client: Session;
  readonly server: ServerSession;
}

/**
 * A session with a primary that is reached by way of two relays alone: so one of them carries the path over which it was opened
 * and another one, which fail together.
 */
async function scene(seed: number, rttMs: number, jitterMs = 0): Promise<Scene> {
  const world = new SimulatedWorld(seed);
  const primary = world.server('10.0.0.1', linkOf(rttMs));
  primary.link.cut();
  const relay = { anchors: ['10.0.0.1'], forClients: true, shape: linkOf(rttMs, jitterMs) };
  const relays = ['10.0.0.2', '10.0.0.3'].map((host) => world.server(host, linkOf(2 * TO_RELAY_MS), { relay }));
  const client = await world.dial(primary.address, {
    writes: { routing: 'distributed' },
    paths: { relays: relays.map(({ address }) => ({ address })) },
  });
  await world.pass(1000);
  const ways = client.getActivePaths().map(({ via }) => via);
  expect([ways.length, new Set(ways).size]).toEqual([3, 2]);
  return { world, random: new SeededRandom(seed), relays, client, server: primary.sessions[0]! };
}

/** One of the relays vanishes without a word. */
function silenceOne({ relays, random }: Scene): void {
  const relay = relays[random.below(relays.length)]!;
  relay.link.cut();
  relay.relay!.silence();
}

function pause(world: SimulatedWorld, ms: number): Promise<void> {
  return new Promise((done) => void world.clock.schedule(ms, done));
}

/** Reads so many bytes; there are no more than that before this end writes again. */
async function readWhole(stream: Stream, bytes: number): Promise<void> {
  let got = 0;
  while (got < bytes) got += (await stream.read())!.length;
  expect(got).toBe(bytes);
}

/** The longest wait for an answer of a program that asks, pauses for up to `pauseMs` when it has the answer, and asks again. */
async function longestWait(made: Scene, pauseMs: number, strike: () => void): Promise<number> {
  const { world, random, client, server } = made;
  const stream = client.openStream();
  const endMs = world.clock.now() + BEFORE_MS + AFTER_MS;
  let longestMs = 0;
  const asking = async (): Promise<void> => {
    while (world.clock.now() < endMs) {
      const askedMs = world.clock.now();
      await stream.write(new Uint8Array(QUESTION_BYTES));
      await readWhole(stream, QUESTION_BYTES);
      longestMs = Math.max(longestMs, world.clock.now() - askedMs);
      if (pauseMs > 0) await pause(world, random.float() * pauseMs);
    }
    await stream.close();
  };
  const answering = async (): Promise<void> => {
    const asked = await server.acceptStream();
    for await (const question of asked) await asked.write(question);
  };
  await world.settle(Promise.all([asking(), answering(), pause(world, BEFORE_MS + random.float() * 200).then(strike)]));
  return longestMs;
}

/** Payload that either end sent as a copy of what another path had under way. */
function copiedBytes({ client, server }: Scene): number {
  const paths = [...client.getAllPaths(), ...server.getAllPaths()];
  return paths.reduce((sum, { reinjectedBytes = 0 }) => sum + reinjectedBytes, 0);
}

/** Copies of what a server writes as fast as it can, while one of the relays vanishes after so long. */
async function copiedOfBulk(seed: number, vanishesAfterMs: number): Promise<number> {
  const made = await scene(seed, 50, 5);
  const { world, client, server } = made;
  const stream = server.openStream();
  void pause(world, vanishesAfterMs).then(() => silenceOne(made));
  const writing = stream.write(new Uint8Array(BULK_BYTES));
  const reader = await world.settle(client.acceptStream());
  await world.settle(Promise.all([writing, readWhole(reader, BULK_BYTES)]));
  return copiedBytes(made);
}

describe.each([20, 50, 100])('a program that asks and waits for the answer, %i ms there and back', (rttMs) => {
  test.each([0, 100])(
    'waits three round trips and 50 ms at the most when a relay vanishes, with pauses of up to %i ms, for a few copies',
    async (pauseMs) => {
      for (const seed of SEEDS) {
        const made = await scene(seed, rttMs);
        const before = copiedBytes(made);
        const waitMs = await longestWait(made, pauseMs, () => silenceOne(made));
        expect(waitMs).toBeLessThanOrEqual(3 * rttMs + 50);
        expect(copiedBytes(made) - before).toBeLessThanOrEqual(MOST_COPIES * QUESTION_BYTES);
      }
    },
  );
});

test('bulk is copied when a relay vanishes, no more than it had under way there, and never before', async () => {
  for (const seed of SEEDS.slice(0, 4)) {
    expect(await copiedOfBulk(seed, 10_000)).toBe(0);
    const copied = await copiedOfBulk(seed, 200 + 20 * seed);
    expect(copied).toBeGreaterThan(0);
    expect(copied).toBeLessThanOrEqual(2 * LINK_BYTES);
  }
});
