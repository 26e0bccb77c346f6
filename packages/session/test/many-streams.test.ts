import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createLinks, SeededRandom } from '@kwik/testbed';
import type { ServerSession, Session, Stream } from '@kwik/session';
import { addressOf, fetchContent, Harness, pattern, readAll, serveContent, sourceOf } from './harness.js';

/** For machines that do much else at the time. */
jest.setTimeout(45_000);

const STREAMS = 64;

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

/** Sizes and contents follow from the stream's number, so that the other end knows what to expect. */
function contentOf(index: number, from: 'client' | 'server'): Uint8Array {
  const random = new SeededRandom(2 * index + (from === 'client' ? 0 : 1));
  return pattern(1 + Math.floor(random.float() ** 3 * 200_000), index + 1);
}

async function exchange(stream: Stream, index: number, side: 'client' | 'server'): Promise<void> {
  const mine = contentOf(index, side);
  const theirs = contentOf(index, side === 'client' ? 'server' : 'client');
  const writing = (async () => {
    for (let at = 0; at < mine.length; at += 7000) await stream.write(mine.subarray(at, at + 7000));
    await stream.close();
  })();
  expect(Buffer.from(await readAll(stream)).equals(theirs)).toBe(true);
  await writing;
}

/** Half of the streams are the server's. The first bytes of each say which it is. */
async function allStreams(client: Session, server: ServerSession): Promise<void> {
  const opened = Array.from({ length: STREAMS }, (_, index) => (index % 2 === 0 ? client : server).openStream());
  const byId = new Map(opened.map((stream, index) => [stream.id, index]));
  const accepting = async (session: Session, side: 'client' | 'server'): Promise<void> => {
    const running: Promise<void>[] = [];
    for (let count = 0; count < STREAMS / 2; count++) {
      const stream = await session.acceptStream();
      running.push(exchange(stream, byId.get(stream.id)!, side));
    }
    await Promise.all(running);
  };
  await Promise.all([
    ...opened.map((stream, index) => exchange(stream, index, index % 2 === 0 ? 'client' : 'server')),
    accepting(client, 'client'),
    accepting(server, 'server'),
  ]);
}

describe('64 streams both ways over four paths', () => {
  test('arrive byte for byte while paths die and return', async () => {
    const listener = await harness.listen();
    const target = { host: '127.0.0.1', port: listener.address().port };
    const both = { rateBitsPerSecond: 2e6, delayMs: 5, queueBytes: 40_000 };
    const shapes = { a: { target, both }, b: { target, both }, c: { target, both }, d: { target, both } };
    const { links, close } = await createLinks(shapes, { isolated: true });
    harness.onClose(close);
    const extra = [links.b, links.c, links.d].map((link) => ({ address: link.address() }));
    const [client, server] = await Promise.all([
      harness.dial(links.a.address(), {
        paths: { extra },
        writes: { routing: 'distributed' },
        timeouts: { idleMs: 20_000 },
      }),
      listener.accept(),
    ]);
    const dead = new Set<number>();
    const returned = new Set<number>();
    client.onPathChange(({ id, state }) => {
      if (state === 'dead') dead.add(id);
      if (state === 'active' && dead.has(id)) returned.add(id);
    });
    let busy = true;
    const running = allStreams(client, server).finally(() => (busy = false));
    const chaos = (async () => {
      const names = ['b', 'c', 'd', 'a'] as const;
      for (let round = 0; busy; round++) {
        const link = links[names[round % 4]!];
        const lost = new Promise<void>((resolve) => {
          const end = client.onPathChange(({ state }) => {
            if (state !== 'dead') return;
            end();
            resolve();
          });
        });
        link.cut();
        await Promise.race([lost, running]);
        link.heal();
      }
    })();
    await running;
    await chaos;
    expect(dead.size).toBeGreaterThan(0);
    expect(returned.size).toBeGreaterThan(0);
    expect(await Promise.race([client.closed, Promise.resolve('open')])).toBe('open');
  });
});

describe('two sessions with the same servers', () => {
  test('do not touch each other, whatever becomes of one of them', async () => {
    const content = pattern(3_000_000);
    const peer = await harness.listen({ replica: () => sourceOf(content) });
    const primary = await harness.listen();
    const open = async (): Promise<[Session, ServerSession]> => {
      const [client, server] = await Promise.all([harness.dial(primary), primary.accept()]);
      await server.addPath(addressOf(peer));
      void serveContent(server, 'film', content);
      return [client, server];
    };
    const [one, oneServer] = await open();
    const [other, otherServer] = await open();
    expect(one.id).not.toBe(other.id);
    const fetched = fetchContent(other);
    // One session loses its secondary, and ends in the middle of its transfer.
    const stream = one.openStream();
    await stream.write('get');
    await stream.read();
    await oneServer.removePath(1, 'a try');
    await one.close(7, 'enough');
    expect(await oneServer.closed).toMatchObject({ by: 'peer', code: 7 });
    expect(Buffer.from(await fetched).equals(content)).toBe(true);
    expect(other.getActivePaths()).toHaveLength(2);
    expect(otherServer.getActivePaths()).toHaveLength(2);
    expect(Buffer.from(await fetchContent(other)).equals(content)).toBe(true);
  });
});
