import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { addressOf, Harness, pattern, readAll } from '../harness.js';
import { allOf, code, outcomeOf, pairOf, streamOf, type Pair } from './pair.js';

jest.setTimeout(60_000);

const MEGABYTE = pattern(1_000_000);
/** As much as a stream takes before its reader has read anything. */
const UNREAD = pattern(250_000);

/** Both ends of a session, told apart by who writes. */
async function ends(writer: 'client' | 'server'): Promise<Pair & { near: Pair['client']; far: Pair['client'] }> {
  const pair = await pairOf();
  const [near, far] = writer === 'client' ? [pair.client, pair.primary] : [pair.primary, pair.client];
  return { ...pair, near, far };
}

describe.each(['client', 'server'] as const)('close, when the %s writes', (writer) => {
  test('of a stream resolves when the peer’s session has it all, and not before', async () => {
    const { world, near, far } = await ends(writer);
    const stream = near.openStream();
    const closing = outcomeOf(stream.write(MEGABYTE).then(() => stream.close()));
    await world.pass(100);
    expect(closing.state).toBe('pending');
    await world.settle(far.acceptStream().then(allOf));
    await world.pass(200);
    expect(closing.state).toBe('resolved');
  });

  test('of a stream rejects when the session is ended before, at either end', async () => {
    for (const ending of ['near', 'far'] as const) {
      const both = await ends(writer);
      const stream = both.near.openStream();
      const closing = outcomeOf(stream.write(MEGABYTE).then(() => stream.close()));
      await both.world.pass(60);
      await both.world.settle(both[ending].close(0, 'enough', { timeoutMs: 0 }));
      await both.world.pass(1000);
      expect(closing).toEqual({ state: 'rejected', value: code('ERR_KWIK_SESSION_CLOSED') });
    }
  });

  test('of a stream rejects when the peer stops reading with something under way, and resolves when nothing was', async () => {
    const { world, near, far } = await ends(writer);
    const stream = near.openStream();
    const closing = outcomeOf(stream.write(MEGABYTE).then(() => stream.close()));
    const theirs = await world.settle(far.acceptStream());
    theirs.stopSending(7);
    await world.pass(500);
    expect(closing).toEqual({
      state: 'rejected',
      value: expect.objectContaining({ code: 'ERR_KWIK_STREAM_STOPPED', applicationCode: 7 }),
    });
    const idle = near.openStream();
    (await world.settle(far.acceptStream())).stopSending();
    await world.pass(500);
    await world.settle(idle.close());
  });

  test('of the session delivers what was written, awaited or not, ended or not', async () => {
    const { world, near, far } = await ends(writer);
    const ended = near.openStream();
    const open = near.openStream({ unidirectional: true });
    const writes = [ended.write(UNREAD), ended.close(), open.write(UNREAD), open.write(UNREAD)];
    const closing = near.close(0, 'done');
    await world.settle(Promise.all([closing, ...writes]));
    await world.settle(far.closed);
    const first = await far.acceptStream();
    expect(Buffer.from(await allOf(first)).equals(UNREAD)).toBe(true);
    const second = await far.acceptStream();
    let bytes = 0;
    await expect(
      (async () => {
        for await (const chunk of second) bytes += chunk.length;
      })(),
    ).rejects.toEqual(code('ERR_KWIK_SESSION_CLOSED'));
    expect(bytes).toBe(2 * UNREAD.length);
    await expect(far.acceptStream()).rejects.toEqual(code('ERR_KWIK_SESSION_CLOSED'));
    expect(await far.closed).toEqual({ by: 'peer', code: 0, reason: 'done' });
  });

  test('of the session by the reader, as soon as it has all, leaves the writer’s close resolved', async () => {
    for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
      const { world, near, far } = await ends(writer);
      const stream = near.openStream();
      const closing = outcomeOf(stream.write(pattern(1 + 9973 * seed)).then(() => stream.close()));
      await world.settle(
        far.acceptStream().then(async (theirs) => {
          await allOf(theirs);
          await far.close();
        }),
      );
      await world.settle(near.closed);
      await world.pass(10);
      expect(closing).toMatchObject({ state: 'resolved' });
    }
  });

  test('of the session does not wait for ever for a reader that does not read', async () => {
    const { world, near, far } = await ends(writer);
    const stream = near.openStream();
    const closing = outcomeOf(stream.write(pattern(20_000_000)).then(() => stream.close()));
    await world.settle(far.acceptStream());
    const startMs = world.clock.now();
    await world.settle(near.close());
    expect(world.clock.now() - startMs).toBeGreaterThanOrEqual(4900);
    expect(world.clock.now() - startMs).toBeLessThan(6000);
    await world.pass(1);
    expect(closing).toEqual({ state: 'rejected', value: code('ERR_KWIK_SESSION_CLOSED') });
  });

  test('of the session can be hurried, and takes nothing new meanwhile', async () => {
    const { world, near } = await ends(writer);
    const stream = near.openStream();
    void stream.write(pattern(20_000_000)).catch(() => undefined);
    const waiting = outcomeOf(near.acceptStream());
    const closing = near.close(3, 'first');
    await world.pass(100);
    expect(waiting).toEqual({ state: 'rejected', value: code('ERR_KWIK_SESSION_CLOSED') });
    expect(() => near.openStream()).toThrow(code('ERR_KWIK_SESSION_CLOSED'));
    await expect(near.openStreamWhenReady()).rejects.toEqual(code('ERR_KWIK_SESSION_CLOSED'));
    await expect(stream.write('more')).rejects.toEqual(code('ERR_KWIK_SESSION_CLOSED'));
    const startMs = world.clock.now();
    await world.settle(Promise.all([near.close(4, 'second', { timeoutMs: 0 }), closing]));
    expect(world.clock.now() - startMs).toBeLessThan(100);
    expect(await near.closed).toEqual({ by: 'local', code: 3, reason: 'first' });
  });
});

test('close of a session over which nothing travels takes a round trip, and of one whose peer is gone half a second', async () => {
  const pair = await pairOf();
  await streamOf(pair);
  let startMs = pair.world.clock.now();
  await pair.world.settle(pair.client.close());
  expect(pair.world.clock.now() - startMs).toBeLessThan(60);

  const other = await pairOf();
  await streamOf(other);
  await other.world.pass(500);
  other.server.link.cut();
  startMs = other.world.clock.now();
  await other.world.settle(other.client.close());
  expect(other.world.clock.now() - startMs).toBeLessThan(600);
});

test('two ends that close at once both end as they said', async () => {
  const pair = await pairOf();
  const [mine, theirs] = await streamOf(pair);
  const writes = [mine.write(UNREAD).then(() => mine.close()), theirs.write(UNREAD).then(() => theirs.close())];
  await pair.world.settle(Promise.all([...writes, pair.client.close(1, 'client'), pair.primary.close(2, 'server')]));
  expect(await pair.client.closed).toMatchObject({ by: 'local', code: 1 });
  expect(await pair.primary.closed).toMatchObject({ by: 'local', code: 2 });
});

describe('content', () => {
  test('that is being sent, and not awaited, is delivered before the end', async () => {
    const pair = await pairOf();
    const content = pattern(2_000_000, 9);
    const stream = pair.primary.openStream();
    const reading = pair.client.acceptStream().then(allOf);
    const source = {
      size: BigInt(content.length),
      read: (offset: bigint, length: number) =>
        Promise.resolve(content.subarray(Number(offset), Number(offset) + length)),
    };
    const sending = stream.sendFrom('film', source);
    const ending = stream.close();
    await pair.world.settle(Promise.all([sending, ending, pair.primary.close()]));
    expect(Buffer.from(await reading).equals(content)).toBe(true);
  });
});

describe('over real sockets', () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = await Harness.create();
  });
  afterEach(() => harness.close());

  test('pipeline resolves when the peer’s session has it all, though its session is closed at once', async () => {
    const { client, server } = await harness.pair();
    const reading = server.acceptStream().then(async (stream) => {
      const bytes = await readAll(stream);
      await server.close();
      return bytes;
    });
    await pipeline(Readable.from([Buffer.from(MEGABYTE)]), client.openStream({ unidirectional: true }).toDuplex());
    await client.close();
    expect(Buffer.from(await reading).equals(MEGABYTE)).toBe(true);
  });

  test('pipeline rejects when the listener ends the session under way', async () => {
    const { client, server, listener } = await harness.pair();
    const accepted = server.acceptStream();
    const piping = pipeline(
      Readable.from([Buffer.alloc(20_000_000)]),
      client.openStream({ unidirectional: true }).toDuplex(),
    );
    await accepted;
    await Promise.all([
      expect(piping).rejects.toEqual(code('ERR_KWIK_SESSION_CLOSED')),
      listener.close({ force: true }),
    ]);
  });

  test('listener.close accepts no more sessions, and lets those there finish', async () => {
    const { client, server, listener } = await harness.pair();
    const stream = client.openStream();
    await stream.write('one');
    const theirs = await server.acceptStream();
    const closing = listener.close();
    const closed = outcomeOf(closing);
    await expect(harness.dial(addressOf(listener))).rejects.toEqual(code('ERR_KWIK_CONNECTION_REFUSED'));
    await expect(listener.accept()).rejects.toEqual(code('ERR_KWIK_INVALID_STATE'));
    // New streams of a session that goes on are as welcome as before.
    const second = client.openStream();
    await second.write('two');
    const [bytes] = await Promise.all([server.acceptStream().then(readAll), second.close()]);
    expect(Buffer.from(bytes).toString()).toBe('two');
    const answer = Promise.all([theirs.write(MEGABYTE).then(() => theirs.close()), stream.close()]);
    expect(Buffer.from(await readAll(stream)).equals(MEGABYTE)).toBe(true);
    await answer;
    expect(closed.state).toBe('pending');
    await client.close();
    await Promise.all([closing, listener.close()]);
  });

  test('listener.close closes a session in which nothing goes on, within some two seconds', async () => {
    const { client, listener } = await harness.pair();
    await listener.close();
    expect(await client.closed).toMatchObject({ by: 'peer', code: 0, reason: 'the server is stopping' });
  });

  test('listener.close has a time limit, and force ends it at once', async () => {
    const { client, server, listener } = await harness.pair();
    await client.openStream().write('open for ever');
    await server.acceptStream();
    const closing = listener.close();
    await Promise.all([listener.close({ force: true }), closing]);
    expect(await client.closed).toMatchObject({ by: 'peer', code: 0 });

    const other = await harness.pair();
    await other.client.openStream().write('open for ever');
    await other.server.acceptStream();
    const startMs = performance.now();
    await other.listener.close({ timeoutMs: 300 });
    expect(performance.now() - startMs).toBeGreaterThan(250);
    expect(await other.client.closed).toMatchObject({ by: 'peer', code: 0 });
  });
});
