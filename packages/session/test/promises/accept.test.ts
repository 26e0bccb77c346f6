import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { SeededRandom, pause } from '@kwik/testbed';
import type { Session, Stream } from '@kwik/session';
import { addressOf, Harness, pattern } from '../harness.js';
import { SimulatedWorld, type SimulatedServer } from '../simulated-world.js';
import { allOf, code, LINK, outcomeOf, pairOf } from './pair.js';

jest.setTimeout(60_000);

/** Ways for a stream to be over in the turn in which it was opened. */
const SHORT_LIVES: ((session: Session) => Stream)[] = [
  (session) => {
    const stream = session.openStream({ unidirectional: true });
    void stream.close();
    return stream;
  },
  (session) => {
    const stream = session.openStream({ unidirectional: true });
    stream.reset(5);
    return stream;
  },
  (session) => {
    const stream = session.openStream();
    void stream.close();
    stream.stopSending(6);
    return stream;
  },
  (session) => {
    const stream = session.openStream();
    stream.reset(5);
    stream.stopSending(6);
    return stream;
  },
  (session) => {
    const stream = session.openStream({ unidirectional: true });
    void stream.write('last words');
    void stream.close();
    return stream;
  },
];

const OPENERS = ['client', 'server'] as const;

interface TwoPaths {
  readonly world: SimulatedWorld;
  readonly server: SimulatedServer;
  /** Whoever opens streams, and the other end. */
  readonly near: Session;
  readonly far: Session;
}

/** A client with two paths to its primary, of different delays; whatever is announced takes the first of them. */
async function twoPaths(opener: (typeof OPENERS)[number], round: number): Promise<TwoPaths> {
  const world = new SimulatedWorld(round);
  const server = world.server('primary', LINK);
  world.network.link(`wifi to ${server.address}`, {
    both: { rateBitsPerSecond: 20e6, delayMs: 3 + round, queueBytes: 60_000 },
  });
  const client = await world.dial(server.address, {
    paths: { localAddresses: ['wifi'] },
    writes: { routing: 'distributed' },
  });
  await world.pass(500);
  expect(client.getActivePaths()).toHaveLength(2);
  const primary = server.sessions[0]!;
  return opener === 'client'
    ? { world, server, near: client, far: primary }
    : { world, server, near: primary, far: client };
}

/** Streams of both kinds, in any order. */
function openSome(session: Session, count: number, seed: number): Stream[] {
  const random = new SeededRandom(seed);
  return Array.from({ length: count }, () => session.openStream({ unidirectional: random.float() < 0.5 }));
}

async function acceptAll(session: Session, count: number): Promise<Stream[]> {
  const streams: Stream[] = [];
  while (streams.length < count) streams.push(await session.acceptStream());
  return streams;
}

describe('acceptStream', () => {
  test('gives each stream out once, in order, also those that were over when they were first heard of', async () => {
    const { world, client, primary } = await pairOf();
    const random = new SeededRandom(7);
    const opened = Array.from({ length: 500 }, () => SHORT_LIVES[Math.floor(random.float() * 5)]!(client).id);
    await world.pass(2000);
    const accepted = await world.settle(acceptAll(primary, 500));
    expect(accepted.map(({ id }) => id)).toEqual(opened);
    for (const stream of accepted) {
      if ((stream.id & 2n) === 2n) await world.settle(stream.read().catch(() => null));
    }
    const more = outcomeOf(primary.acceptStream());
    await world.pass(100);
    expect(more.state).toBe('pending');
  });

  test('tells how each was: ended, reset, stopped', async () => {
    const { world, client, primary } = await pairOf();
    for (const life of SHORT_LIVES) life(client);
    await world.pass(500);
    const streams = await world.settle(acceptAll(primary, 5));
    const [ended, reset, last] = streams.filter(({ id }) => (id & 2n) === 2n);
    const [stopped, both] = streams.filter(({ id }) => (id & 2n) === 0n);
    await expect(ended!.read()).resolves.toBeNull();
    await expect(reset!.read()).rejects.toMatchObject({ code: 'ERR_KWIK_STREAM_RESET', applicationCode: 5 });
    expect(Buffer.from(await allOf(last!)).toString()).toBe('last words');
    await expect(stopped!.read()).resolves.toBeNull();
    await expect(both!.read()).rejects.toEqual(code('ERR_KWIK_STREAM_RESET'));
    for (const stream of [stopped!, both!]) {
      await expect(stream.peerStopped()).resolves.toBe(6);
      await expect(stream.write('answer')).rejects.toMatchObject({
        code: 'ERR_KWIK_STREAM_STOPPED',
        applicationCode: 6,
      });
    }
  });

  test('a stop in the turn of openStream is not lost, whatever comes first', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const { world, client, primary } = await pairOf({}, {}, new SimulatedWorld(seed));
      client.openStream().stopSending(9);
      const stream = await world.settle(primary.acceptStream());
      await expect(world.settle(stream.peerStopped())).resolves.toBe(9);
      await world.settle(primary.close());
    }
  });

  test('streams that nobody accepts count against the credit of their opener', async () => {
    const { world, client, primary } = await pairOf();
    const open = (): void => void SHORT_LIVES[1]!(client);
    for (let count = 0; count < 1024; count++) open();
    await world.pass(1000);
    expect(open).toThrow(code('ERR_KWIK_STREAM_LIMIT'));
    const waiting = client.openStreamWhenReady({ unidirectional: true });
    await primary.acceptStream();
    await world.settle(waiting);
  });

  test.each(OPENERS)('keeps the order over two paths, when the %s opens', async (opener) => {
    for (let round = 1; round <= 40; round++) {
      const { world, near, far } = await twoPaths(opener, round);
      const streams = openSome(near, 20, round);
      // The last are written first, so that their data may come before anything is known of the first.
      const writing = [...streams].reverse().map((stream) => stream.write(pattern(5000)).then(() => stream.close()));
      const accepted = await world.settle(acceptAll(far, 20));
      expect(accepted.map(({ id }) => id)).toEqual(streams.map(({ id }) => id));
      await world.settle(Promise.all([...writing, ...accepted.map(allOf)]));
    }
  });
});

describe('acceptStream, when the path of the announcements is silent', () => {
  test.each(OPENERS)('gives out what the %s opens in order, and soon', async (opener) => {
    for (let round = 1; round <= 10; round++) {
      const { world, server, near, far } = await twoPaths(opener, round);
      server.link.cut();
      const streams = openSome(near, 20, round);
      const writing = [...streams].reverse().map((stream) => stream.write(pattern(500)));
      const begunMs = world.clock.now();
      const accepted = await world.settle(acceptAll(far, 20));
      expect(accepted.map(({ id }) => id)).toEqual(streams.map(({ id }) => id));
      expect(world.clock.now() - begunMs).toBeLessThan(500);
      await world.settle(Promise.all(writing));
    }
  });
});

describe('accept', () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = await Harness.create();
  });
  afterEach(() => harness.close());

  test('gives out a session that has ended meanwhile, with its streams and its close code', async () => {
    const listener = await harness.listen();
    const client = await harness.dial(listener);
    const stream = client.openStream({ unidirectional: true });
    await stream.write('a will');
    void stream.close();
    client.openStream().reset(3);
    await client.close(42, 'gone');
    await pause(100);
    expect(listener.stats().sessions).toBe(0);

    const session = await listener.accept();
    expect(await session.closed).toEqual({ by: 'peer', code: 42, reason: 'gone' });
    const streams = [await session.acceptStream(), await session.acceptStream()];
    const will = streams.find(({ id }) => (id & 2n) === 2n)!;
    expect(Buffer.from(await allOf(will)).toString()).toBe('a will');
    await expect(streams.find((each) => each !== will)!.read()).rejects.toMatchObject({ applicationCode: 3 });
    await expect(session.acceptStream()).rejects.toEqual(code('ERR_KWIK_SESSION_CLOSED'));
  });

  test('keeps few of them, the newest, and they take no place from those that live', async () => {
    const listener = await harness.listen({ limits: { backlog: 2 } });
    for (let count = 1; count <= 70; count++) {
      const client = await harness.dial(listener);
      await client.close(count);
    }
    const living = await harness.dial(listener);
    await pause(200);
    const codes: number[] = [];
    for (;;) {
      const session = await listener.accept();
      if (session.id === living.id) break;
      codes.push((await session.closed).code);
    }
    expect(codes).toEqual(Array.from({ length: 64 }, (_, index) => index + 7));
    expect(addressOf(listener)).toContain(':');
  });
});
