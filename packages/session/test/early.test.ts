import { describe, expect, test } from '@jest/globals';
import type { DialOptions, ServerSession, Session, SessionLimits, Stream } from '@kwik/session';
import type { LinkShape } from '@kwik/testbed';
import { pattern, readAll } from './harness.js';
import { StreamHandle } from '../src/runtime/streams/stream-handle.js';
import { SimulatedWorld } from './simulated-world.js';

const RTT_MS = 40;
const shape = { both: { rateBitsPerSecond: 50e6, delayMs: RTT_MS / 2 } };

/** Reads all of each stream and answers with it. */
async function answerAll(session: ServerSession, asked: string[]): Promise<void> {
  for (;;) {
    const stream = await session.acceptStream();
    const request = await readAll(stream);
    asked.push(Buffer.from(request).toString('latin1'));
    await stream.write(request);
    await stream.close();
  }
}

interface Scene {
  readonly world: SimulatedWorld;
  readonly asked: string[];
  dial(options?: DialOptions): Promise<Session>;
}

/** What is written is longer under way than the dial takes. */
const SLOW = { rateBitsPerSecond: 500_000, delayMs: RTT_MS / 2 };

function scene(limits: SessionLimits = {}, lossRate = 0, both: LinkShape['both'] = shape.both): Scene {
  const world = new SimulatedWorld(4);
  const asked: string[] = [];
  const onSession = (session: ServerSession): void => void answerAll(session, asked).catch(() => undefined);
  const server = world.server('10.0.0.1', { both: { ...both, lossRate } }, { limits, onSession });
  return { world, asked, dial: (options) => world.dial(server.address, options) };
}

async function firstByteMs({ world, dial }: Scene, early: boolean): Promise<number> {
  const startMs = world.clock.now();
  const request = new TextEncoder().encode('question');
  const client = await dial(early ? { early: { data: request, end: true } } : {});
  const stream = client.early ?? client.openStream();
  if (!early) void stream.write(request).then(() => stream.close());
  expect(Buffer.from((await world.settle(stream.read()))!).toString()).toBe('question');
  return world.clock.now() - startMs;
}

function carriageOf(stream: Stream | undefined): unknown {
  if (!(stream instanceof StreamHandle)) throw new TypeError('no stream of a session');
  const { intent, priority } = stream.state;
  return [intent, priority];
}

describe('the first stream of a session that begins with the hello', () => {
  test('is answered two round trips after the dial, where another is after three', async () => {
    const [with_, without] = [await firstByteMs(scene(), true), await firstByteMs(scene(), false)];
    expect(without).toBeGreaterThanOrEqual(3 * RTT_MS);
    expect(with_).toBeLessThan(2.5 * RTT_MS);
    expect(with_).toBeGreaterThanOrEqual(2 * RTT_MS);
  });

  test('is whole, once, and goes on with what is written then; its number is that of any first stream', async () => {
    const { world, asked, dial } = scene();
    const client = await dial({ early: { data: 'first ' } });
    const stream = client.early!;
    expect(stream.id).toBe(0n);
    expect(client.openStream().id).toBe(4n);
    void stream.write('second').then(() => stream.close());
    expect(Buffer.from(await world.settle(readAll(stream))).toString()).toBe('first second');
    await world.pass(1000);
    expect(asked).toEqual(['first second']);
  });

  test.each([1, 2, 3])('arrives over a network that loses a fifth, as often as there are sessions: %d', async () => {
    const { world, asked, dial } = scene({}, 0.2);
    const data = pattern(8192, 5);
    const client = await dial({ early: { data, end: true }, timeouts: { dialMs: 30_000 } });
    expect(Buffer.compare(await world.settle(readAll(client.early!)), data)).toBe(0);
    expect(new Set(asked).size).toBe(1);
  });

  test('takes nothing of the window of its path, which the client does not know to be smaller', async () => {
    const limits = { streamWindowBytes: 65_536, pathWindowBytes: 65_536 };
    const { world, dial } = scene(limits);
    const client = await dial({ early: { data: pattern(8192, 6) } });
    const stream = client.early!;
    const rest = pattern(300_000, 7);
    void stream.write(rest).then(() => stream.close());
    expect(await world.settle(readAll(stream))).toHaveLength(8192 + rest.length);
    expect(client.getAllPaths()).toMatchObject([{ state: 'active' }]);
  });

  test('has its intent at the server as soon as it has its bytes', async () => {
    const world = new SimulatedWorld(4);
    const intents: unknown[] = [];
    const onSession = async (session: ServerSession): Promise<void> => {
      intents.push(carriageOf(await session.acceptStream()));
    };
    const server = world.server('10.0.0.1', shape, { onSession: (session) => void onSession(session) });
    const early = { data: 'quick', end: true, intent: { mode: 'fast', priority: 1 } } as const;
    const client = await world.dial(server.address, { early });
    for (const each of [...intents, carriageOf(client.early)]) expect(each).toEqual([{ mode: 'fast' }, 1]);
    // Half a round trip after the server had it: nothing that comes behind the hello can be there yet.
    expect(intents).toHaveLength(1);
  });

  test('with an intent that cannot be is refused before anybody is dialled', async () => {
    const refused = scene().dial({ early: { data: 'quick', intent: { mode: 'quick' as never } } });
    await expect(refused).rejects.toMatchObject({ code: 'ERR_KWIK_INVALID_ARGUMENT' });
  });

  test('is refused when it is too long, before anybody is dialled', async () => {
    await expect(scene().dial({ early: { data: new Uint8Array(8193) } })).rejects.toMatchObject({
      code: 'ERR_KWIK_INVALID_ARGUMENT',
      message: expect.stringContaining('early.data has 8193 bytes'),
    });
  });

  test('that ended before its bytes came again changes nothing for the next ones', async () => {
    const { world, asked, dial } = scene();
    const client = await dial({ early: { data: 'a', end: true } });
    await world.settle(readAll(client.early!));
    for (const word of ['b', 'c']) {
      const stream = client.openStream();
      void stream.write(word).then(() => stream.close());
      expect(Buffer.from(await world.settle(readAll(stream))).toString()).toBe(word);
    }
    expect(asked).toEqual(['a', 'b', 'c']);
    expect(client.getAllPaths()).toMatchObject([{ state: 'active' }]);
  });

  test('that is to end takes nothing more, however little of it the send buffer holds', async () => {
    const { world, asked, dial } = scene({}, 0, SLOW);
    const data = pattern(8192, 8);
    const client = await dial({ early: { data, end: true }, limits: { sendBufferBytes: 1000 } });
    const more = client.early!.write('more');
    await expect(world.settle(more)).rejects.toMatchObject({ code: 'ERR_KWIK_STREAM_CLOSED' });
    expect(Buffer.compare(await world.settle(readAll(client.early!)), data)).toBe(0);
    expect(asked).toHaveLength(1);
    expect(client.getAllPaths()).toMatchObject([{ state: 'active' }]);
  });

  test('may be reset before all of it was written, and the session goes on', async () => {
    const { world, dial } = scene({}, 0, SLOW);
    const client = await dial({ early: { data: pattern(8192, 9), end: true }, limits: { sendBufferBytes: 1000 } });
    client.early!.reset(7);
    await world.pass(1000);
    const stream = client.openStream();
    void stream.write('next').then(() => stream.close());
    expect(Buffer.from(await world.settle(readAll(stream))).toString()).toBe('next');
    expect(client.getAllPaths()).toMatchObject([{ state: 'active' }]);
  });

  test('may be refused by whoever gets it, and the session goes on', async () => {
    const world = new SimulatedWorld(4);
    const server = world.server(
      '10.0.0.1',
      { both: SLOW },
      {
        onSession: (session) => {
          void session.acceptStream().then((stream) => {
            stream.stopSending(9);
            stream.reset(9);
          });
        },
      },
    );
    const client = await world.dial(server.address, {
      early: { data: pattern(8192, 9), end: true },
      limits: { sendBufferBytes: 1000 },
    });
    await world.pass(1000);
    expect(client.getAllPaths()).toMatchObject([{ state: 'active' }]);
    expect(server.sessions[0]!.getAllPaths()).toMatchObject([{ state: 'active' }]);
  });
});
