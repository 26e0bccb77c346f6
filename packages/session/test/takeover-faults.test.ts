import { describe, expect, jest, test } from '@jest/globals';
import { errorFromDetail } from '@kwik/kcp';
import { KwikError, PRIMARY_PATH_ID } from '@kwik/wire';
import type { ReplicaSource, ServerSession, Session, Stream } from '@kwik/session';
import type { SessionContext } from '../src/runtime/features/session-context.js';
import { pattern, sourceOf } from './harness.js';
import { content, first, fleet, kill, listening, once, read, request, type Fleet } from './takeover-fleet.js';
import { withoutTakeover } from './without-takeover.js';

/** For machines that do much else at the time: the times in here are virtual. */
jest.setTimeout(120_000);

const MEGABYTE = 1_000_000;

/** The client's session from inside. */
const insideOf = (client: Session): SessionContext => (client as unknown as { engine: SessionContext }).engine;

/** Sends into each stream of the client the content that it names. */
function sendsNamed(contents: Readonly<Record<string, Uint8Array>>): (session: ServerSession) => void {
  return (session) => {
    void (async () => {
      for (;;) {
        const stream = await session.acceptStream();
        const key = Buffer.from((await stream.read())!).toString();
        stream.sendFrom(key, sourceOf(contents[key]!), { end: true }).catch(() => undefined);
      }
    })().catch(() => undefined);
  };
}

/** All that can be read of it, and with which error that ends, if with any. */
async function outcome(stream: Stream, at: (bytes: number) => void = () => undefined) {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of stream) {
      chunks.push(chunk);
      at((bytes += chunk.length));
    }
  } catch (error) {
    return { whole: Buffer.concat(chunks), error };
  }
  return { whole: Buffer.concat(chunks) };
}

describe('content that its client goes on with', () => {
  test('is read and hashed once, however often the client asks for that, and makes room for no stream', async () => {
    let readBytes = 0;
    const counted: ReplicaSource = {
      size: BigInt(content.length),
      read: (offset, length) => {
        readBytes += length;
        return Promise.resolve(content.subarray(Number(offset), Number(offset) + length));
      },
    };
    let again = (): void => undefined;
    const resumes = listening((body, send) => {
      if (body.$case !== 'contentResume') return;
      again = () => send({ ...body, value: { ...body.value, digestsEnd: 0n } });
    });
    const refusals: string[] = [];
    const refused = listening((body) => {
      if (body.$case === 'rangeRefused') refusals.push(errorFromDetail(body.value.error!).message);
    });
    const { world, primary, standby, client } = await fleet(40, {
      ofStandby: { source: counted, features: refused },
      ofClient: { features: resumes },
    });
    const stream = await request(client);
    const marks = [
      once(MEGABYTE, () => kill(primary)),
      ...[2.2, 2.4, 2.6, 2.8].map((at) => once(at * MEGABYTE, () => again())),
    ];
    const { whole } = await world.settle(read(world, stream, (bytes) => marks.forEach((mark) => mark(bytes))));
    expect(whole.equals(content)).toBe(true);
    await world.pass(1000);
    // What was still to come, and the block by which the copies are compared.
    expect(readBytes).toBeLessThan(content.length);
    expect(refusals).toEqual([]);

    const { streams } = first(standby).engine;
    const [before, allowed] = [readBytes, streams.numbers.peerMayOpen];
    for (let round = 0; round < 3; round++) again();
    await world.pass(1000);
    expect(readBytes).toBe(before);
    expect(refusals).toHaveLength(3);
    expect(refusals[0]).toContain('resumed here before');
    expect(allowed).toEqual({ bidi: 1025n, uni: 1024n });
    expect(streams.numbers.peerMayOpen).toEqual(allowed);
    expect(streams.size).toBe(0);
    expect(client.getActivePaths()).toHaveLength(1);
  });

  test('is none in a stream that the primary before did not have', async () => {
    const refusals: string[] = [];
    const refused = listening((body) => {
      if (body.$case === 'rangeRefused') refusals.push(errorFromDetail(body.value.error!).message);
    });
    let elsewhere = (): void => undefined;
    const resumes = listening((body, send) => {
      if (body.$case !== 'contentResume') return;
      elsewhere = () => send({ ...body, value: { ...body.value, streamId: 400n } });
    });
    const { world, primary, client } = await fleet(41, {
      ofStandby: { features: refused },
      ofClient: { features: resumes },
    });
    const stream = await request(client);
    await world.settle(
      read(
        world,
        stream,
        once(MEGABYTE, () => kill(primary)),
      ),
    );
    elsewhere();
    await world.pass(500);
    expect(refusals).toEqual([expect.stringContaining('stream 400 is not one of the primary before')]);
    expect(client.getActivePaths()).toHaveLength(1);
  });

  test('costs nothing but itself when the application resets, closes or stops its stream meanwhile', async () => {
    const { world, primary, standby, client } = await fleet(42, {
      ofPrimary: { onSession: sendsNamed({ get: content }) },
    });
    const [reset, closed, stopped, whole] = [
      await request(client),
      await request(client),
      await request(client),
      await request(client),
    ];
    const others = [reset, closed, stopped].map((stream) => outcome(stream));
    const reading = read(
      world,
      whole,
      once(400_000, () => kill(primary)),
    );
    await world.pass(2500);
    expect(standby.sessions).toHaveLength(1);
    reset.reset(7);
    closed.close().catch(() => undefined);
    stopped.stopSending(8);
    expect((await world.settle(reading)).whole.equals(content)).toBe(true);
    await world.settle(Promise.all(others));
    const later = await world.settle(request(client, 'and on it goes'));
    void later.close();
    expect((await world.settle(read(world, later))).whole.toString()).toBe('and on it goes');
    expect(standby.sessions).toHaveLength(1);
    expect(first(standby).engine.closeInfo).toBeUndefined();
  });
});

describe('a copy of the standby that is another one', () => {
  const other = pattern(2_000_000, 4);
  const contents = { film: content, other };
  const changed = (at: number): Uint8Array => {
    const copy = other.slice();
    copy[at]! ^= 1;
    return copy;
  };

  test.each([
    ['in its bytes', changed(1_900_000), 'has another copy'],
    ['in its length', other.subarray(0, 1_900_000), 'the copies differ in size'],
    ['as that it has none', undefined, 'does not have the content'],
  ])('%s, costs that content alone, and its reader is told', async (_what, copy, why) => {
    const { world, primary, standby, client } = await fleet(43, {
      ofPrimary: { onSession: sendsNamed(contents) },
      ofStandby: {
        replica: (key) => (key === 'film' ? sourceOf(content) : copy && sourceOf(copy)),
      },
    });
    const [film, lost] = [await request(client, 'film'), await request(client, 'other')];
    const losing = outcome(lost);
    const reading = read(
      world,
      film,
      once(MEGABYTE, () => kill(primary)),
    );
    expect((await world.settle(reading)).whole.equals(content)).toBe(true);
    const { whole, error } = await world.settle(losing);
    expect(error).toMatchObject({
      code: 'ERR_KWIK_CONTENT_UNAVAILABLE',
      message: expect.stringContaining(why),
    });
    // Not one byte of it was another's.
    expect(whole.equals(other.subarray(0, whole.length))).toBe(true);
    expect(whole.length).toBeLessThan(other.length);
    // The stream is over at both ends, and the session goes on.
    await world.pass(500);
    expect(insideOf(client).streams.size).toBe(0);
    expect(first(standby).engine.streams.size).toBe(0);
    const later = await world.settle(request(client, 'and on it goes'));
    void later.close();
    expect((await world.settle(read(world, later))).whole.toString()).toBe('and on it goes');
  });
});

describe('a client that goes back on it', () => {
  /** The primary falls silent, and is back before the standby, which is far away, has answered. */
  async function returned(seed: number) {
    let asked = 0;
    const made = await fleet(seed, {
      ofStandby: {
        wrap: (transport) => {
          if (asked++ === 0) made.primary.link.heal();
          return transport;
        },
      },
      standbyLink: { both: { rateBitsPerSecond: 20e6, delayMs: 300, queueBytes: 100_000 } },
    });
    const { world, primary, standby, client } = made;
    const stream = await request(client);
    const reading = read(
      world,
      stream,
      once(MEGABYTE, () => primary.link.cut()),
    );
    const { whole } = await world.settle(reading);
    expect(whole.equals(content)).toBe(true);
    return { ...made, world, standby, primary, client };
  }

  test('has its session ended at the standby at once', async () => {
    const { world, standby, client, primary } = await returned(44);
    await world.pass(2000);
    expect(standby.sessions).toHaveLength(1);
    expect(first(standby).engine.closeInfo).toMatchObject({ by: 'peer', error: { code: 'ERR_KWIK_ABORTED' } });
    expect(client.getActivePaths()).toMatchObject([{ address: primary.address }]);
  });

  test('goes there all the same when its primary is lost then, with the ticket that it has', async () => {
    const { world, standby, client, primary } = await returned(45);
    await world.pass(2000);
    kill(primary);
    await world.pass(10_000);
    expect(standby.refusals).toEqual([]);
    expect(standby.sessions).toHaveLength(2);
    expect(client.getActivePaths()).toMatchObject([{ id: 0, address: standby.address }]);
  });

  test('tells of streams that only the primary heard of, which was there for a moment while the standby was asked', async () => {
    let asked = 0;
    const made = await fleet(47, {
      ofPrimary: { onSession: sendsNamed({ get: content }) },
      ofStandby: {
        wrap: (transport) => {
          if (asked++ === 0) made.primary.link.heal();
          return transport;
        },
      },
      standbyLink: { both: { rateBitsPerSecond: 20e6, delayMs: 300, queueBytes: 100_000 } },
    });
    const { world, primary, standby, client } = made;
    const reading = outcome(
      await request(client),
      once(MEGABYTE, () => primary.link.cut()),
    );
    while (asked === 0) await world.pass(10);
    await world.pass(50);
    // The first piece of its name alone, to which the primary has no answer yet.
    const late = await request(client, 'g');
    await world.pass(150);
    first(primary).engine.paths.get(PRIMARY_PATH_ID)?.die(new KwikError('ERR_KWIK_PATH_DEAD'));
    await world.pass(30);
    kill(primary);
    await expect(world.settle(late.read(), 20_000)).rejects.toMatchObject({ code: 'ERR_KWIK_NO_PATH' });
    expect((await world.settle(reading)).whole.equals(content)).toBe(true);
    expect(standby.sessions).toHaveLength(2);
  });

  test('or ends in the midst of it, leaves no session behind', async () => {
    let end = (): void => undefined;
    const { world, primary, standby, client } = await fleet(46, {
      ofStandby: { onSession: () => end() },
    });
    end = () => void client.close(0, '', { timeoutMs: 0 });
    const stream = await request(client);
    const reading = outcome(
      stream,
      once(MEGABYTE, () => kill(primary)),
    );
    expect(await world.settle(reading)).toMatchObject({ error: { code: 'ERR_KWIK_SESSION_CLOSED' } });
    await world.pass(1000);
    expect(standby.sessions).toHaveLength(1);
    expect(first(standby).engine.closeInfo).toMatchObject({ error: { code: 'ERR_KWIK_ABORTED' } });
  });
});

describe('a peer that knows of no takeover', () => {
  /** Kinds of messages that the server says on its paths. */
  function kindsSaid() {
    const kinds = new Set<string>();
    return { kinds, features: listening(({ $case }) => void kinds.add($case)) };
  }

  /** A stream of the client's own, and content, before and after the primary is killed. */
  async function livesAndEnds({ world, primary, standby, client }: Fleet): Promise<void> {
    let killedMs = 0;
    const whole = await world.settle(request(client).then((stream) => read(world, stream)));
    expect(whole.whole.equals(content)).toBe(true);
    const stream = await request(client);
    const reading = outcome(
      stream,
      once(MEGABYTE, () => {
        killedMs = world.clock.now();
        kill(primary);
      }),
    );
    // As long as the primary is waited for: it might be back.
    const { error } = await world.settle(reading);
    expect(error).toMatchObject({ code: 'ERR_KWIK_NO_PATH' });
    expect(world.clock.now() - killedMs).toBeGreaterThan(30_000);
    expect(await world.settle(client.closed)).toMatchObject({ by: 'error', error: { code: 'ERR_KWIK_NO_PATH' } });
    expect(standby.sessions).toHaveLength(0);
    expect(standby.refusals).toEqual([]);
  }

  test('as a client, is told nothing of it, and its session ends with its primary', async () => {
    const { kinds, features } = kindsSaid();
    const made = await fleet(50, { ofPrimary: { features }, ofClient: { wrap: withoutTakeover } });
    await livesAndEnds(made);
    expect(kinds).toContain('contentStart');
    expect(kinds).not.toContain('standby');
  });

  test('as a server, is told nothing of it, and its sessions end with it', async () => {
    const { kinds, features } = kindsSaid();
    const told = kindsSaid();
    const made = await fleet(51, {
      ofPrimary: { takeover: undefined, features },
      ofClient: { features: told.features },
    });
    await livesAndEnds(made);
    expect(kinds).not.toContain('standby');
    expect(told.kinds).toContain('contentProgress');
    expect(told.kinds).not.toContain('contentResume');
  });

  test('as a client that stays: a server that is about to stop does not wait for it to go elsewhere', async () => {
    const { world, primary, standby, client } = await fleet(52, { ofClient: { wrap: withoutTakeover } });
    first(primary).leaveToStandby();
    const { whole } = await world.settle(request(client).then((stream) => read(world, stream)));
    expect(whole.equals(content)).toBe(true);
    await world.settle(first(primary).close());
    expect(await world.settle(client.closed)).toMatchObject({ by: 'peer', code: 0 });
    expect(standby.sessions).toHaveLength(0);
  });
});
