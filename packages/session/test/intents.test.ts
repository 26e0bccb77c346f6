import { describe, expect, jest, test } from '@jest/globals';
import type { Scheduler } from '@kwik/wire';
import type { ServerSession, Stream, StreamIntent } from '@kwik/session';
import { FIRST_CLIENT_PATH_ID } from '../src/limits.js';
import { SimulatedWorld, type SimulatedServerOptions } from './simulated-world.js';

/** For machines that do much else at the time; all is on virtual time. */
jest.setTimeout(60_000);

const SPARE = FIRST_CLIENT_PATH_ID;
const shape = (mbps: number, delayMs: number, queueMs = 50) => ({
  both: { rateBitsPerSecond: mbps * 1e6, delayMs, queueBytes: (mbps * 1e6 * queueMs) / 8000 },
});

/** A client with two paths to one server, the second of them over a link of its own. */
async function twoPaths(seed: number, options: SimulatedServerOptions = {}, delays = [10, 30] as const) {
  const world = new SimulatedWorld(seed);
  const primary = world.server('10.0.0.1', shape(20, delays[0]), options);
  const second = world.network.link(`10.9.0.2 to ${primary.address}`, shape(20, delays[1]));
  const client = await world.dial(primary.address, { paths: { extra: [{ localAddress: '10.9.0.2' }] } });
  await world.clock.runUntilAsync(() => client.getActivePaths().length === 2, { maxMs: 2000 });
  await world.pass(200);
  return { world, primary, second, client, server: primary.sessions[0]! };
}

type Two = Awaited<ReturnType<typeof twoPaths>>;

/** A stream that the server opens, and its end at the client. */
async function opened({ world, client, server }: Two, intent?: StreamIntent): Promise<[Stream, Stream]> {
  const from = server.openStream(intent === undefined ? {} : { intent });
  return [from, await world.settle(client.acceptStream())];
}

/** The server writes for as long as the session lives. */
async function writeWithoutEnd(stream: Stream): Promise<void> {
  const piece = new Uint8Array(32 * 1024);
  for (;;) await stream.write(piece);
}

async function readAll(stream: Stream): Promise<void> {
  while ((await stream.read()) !== null);
}

/** When each of the small answers came, in ms after it was written; one every `everyMs`. */
async function delaysOf(two: Two, intent: StreamIntent, count: number, everyMs: number): Promise<number[]> {
  const [from, to] = await opened(two, intent);
  const delays: number[] = [];
  const written: number[] = [];
  const reading = (async () => {
    for (let bytes = 0; bytes < 500 * count; ) {
      const chunk = await to.read();
      bytes += chunk!.length;
      while (delays.length < Math.floor(bytes / 500)) delays.push(two.world.clock.now() - written[delays.length]!);
    }
  })();
  for (let index = 0; index < count; index++) {
    written.push(two.world.clock.now());
    void from.write(new Uint8Array(500));
    await two.world.pass(everyMs);
  }
  await two.world.settle(reading);
  return delays;
}

const percentile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.ceil(share * values.length) - 1]!;

describe('small answers beside bulk, over two paths', () => {
  test.each(['distributed', 'primary'] as const)('a fast stream passes all bulk by; writes %s', async (routing) => {
    const p99: Record<string, number> = {};
    for (const mode of ['bulk', 'fast'] as const) {
      const two = await twoPaths(3, { routing });
      const [bulk, there] = await opened(two);
      void writeWithoutEnd(bulk).catch(() => undefined);
      void readAll(there).catch(() => undefined);
      await two.world.pass(1000);
      p99[mode] = percentile(await delaysOf(two, { mode }, 100, 10), 0.99);
    }
    // 10 ms of the near link, and of its queue what bulk leaves there at the most (50 ms).
    expect(p99['fast']).toBeLessThan(70);
    expect(p99['fast']).toBeLessThan(p99['bulk']!);
  });
});

describe('a path that falls silent', () => {
  test.each([1, 2, 3])(
    'costs the reader of a reliable stream no more than the difference of the paths (seed %i)',
    async (seed) => {
      const gaps: Record<string, number> = {};
      for (const mode of ['bulk', 'reliable'] as const) {
        const two = await twoPaths(seed);
        const { world } = two;
        const [from, to] = await opened(two, { mode });
        const arrivals: number[] = [];
        void (async () => {
          while ((await to.read()) !== null) arrivals.push(world.clock.now());
        })().catch(() => undefined);
        let stop = false;
        void (async () => {
          for (let count = 0; !stop; count++) {
            void from.write(new Uint8Array(1000)).catch(() => undefined);
            await new Promise<void>((resolve) => void world.clock.schedule(5, () => resolve()));
            if (count === 200) two.primary.link.cut();
          }
        })();
        await world.pass(2000);
        stop = true;
        gaps[mode] = Math.max(...arrivals.slice(20).map((at, index) => at - arrivals[index + 19]!));
        expect(arrivals.at(-1)).toBeGreaterThan(world.clock.now() - 100);
      }
      // One way takes 10 ms over the path that falls silent and 30 ms over the other; a piece goes out every 5 ms.
      expect(gaps['reliable']).toBeLessThanOrEqual(20 + 5 + 2);
      expect(gaps['bulk']).toBeGreaterThan(gaps['reliable']!);
    },
  );
});

describe('what is said of a stream', () => {
  test('counts at the other end, too, until that says otherwise', async () => {
    const asked: string[] = [];
    const spy: Scheduler = {
      name: 'spy',
      select: ({ streamId, intent }, paths) => {
        asked.push(`${streamId} ${intent.mode} ${intent.affinity ?? ''}`.trim());
        return { kind: 'send', pathId: paths[0]!.id, maxBytes: 1000, duplicates: [] };
      },
    };
    const two = await twoPaths(1, { makeScheduler: () => spy });
    const mine = two.client.openStream({ intent: { mode: 'fast', affinity: SPARE } });
    void mine.write('ask');
    const theirs = await two.world.settle(two.server.acceptStream());
    await two.world.settle(theirs.write('answer'));
    await two.world.pass(100);
    expect(asked).toEqual([`${mine.id} fast ${SPARE}`]);
    theirs.setIntent({});
    await two.world.settle(theirs.write('more'));
    await two.world.pass(100);
    expect(asked.at(-1)).toBe(`${mine.id} bulk`);
  });

  test('is refused by name when it makes no sense', async () => {
    const { client, server } = await twoPaths(1);
    const stream = client.openStream();
    const wrong: [unknown, string][] = [
      [{ mode: 'quick' }, 'mode that is none of bulk, fast, reliable'],
      [{ deadlineMs: 0 }, 'deadlineMs'],
      [{ deadlineMs: 1.5 }, 'deadlineMs'],
      [{ priority: 8 }, 'priority'],
      [{ affinity: -1 }, 'affinity'],
      [{ speed: 1 }, 'no member speed; there are mode, deadlineMs, priority, affinity'],
      [null, 'an object of mode, deadlineMs, priority, affinity'],
    ];
    for (const [intent, message] of wrong) {
      const refusal = { code: 'ERR_KWIK_INVALID_ARGUMENT', message: expect.stringContaining(message) };
      expect(() => stream.setIntent(intent as StreamIntent)).toThrow(expect.objectContaining(refusal));
      const open = (session: ServerSession | typeof client) => () =>
        session.openStream({ intent: intent as StreamIntent });
      expect(open(client)).toThrow(expect.objectContaining(refusal));
      expect(open(server)).toThrow(expect.objectContaining(refusal));
    }
    expect(() => client.openStream({ priority: 9 })).toThrow('priority 9 is not a whole number from 0 to 7');
  });
});
