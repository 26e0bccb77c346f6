import { describe, expect, jest, test } from '@jest/globals';
import type { OverloadEvent, Session, Stream } from '@kwik/session';
import { pattern } from './harness.js';
import { SimulatedWorld, type SimulatedServer } from './simulated-world.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(180_000);

const DELAY_MS = 10;
const LINK = { both: { rateBitsPerSecond: 2e6, delayMs: DELAY_MS, queueBytes: 20_000 } };
const FURTHER = ['10.9.0.2', '10.9.0.3'];
const MEMORY_BYTES = 400_000;
const PIECE_BYTES = 2000;
/** What the reader of a stream may wait for the next bytes. */
const GAP_MS = 6 * DELAY_MS + 50;

type Action = OverloadEvent['action'];

/** A client with three paths to its server, and a budget of memory. */
async function setUp(seed: number) {
  const world = new SimulatedWorld(seed);
  const server = world.server('10.0.0.1', LINK);
  for (const from of FURTHER) world.network.link(`${from} to ${server.address}`, LINK);
  const extra = FURTHER.map((localAddress) => ({ localAddress }));
  const events: OverloadEvent[] = [];
  const client = await world.dial(server.address, {
    paths: { extra },
    overload: { memoryBytes: MEMORY_BYTES, process: false, onChange: (event) => void events.push(event) },
  });
  await until(world, () => paths(client) === 3);
  return { world, server, client, events, unread: await Unread.of(world, server, client) };
}

const paths = (client: Session): number =>
  client.getActivePaths().filter(({ state }) => ['active', 'degraded'].includes(state)).length;

async function until(world: SimulatedWorld, condition: () => boolean, maxMs = 60_000): Promise<void> {
  if (!(await world.clock.runUntilAsync(condition, { maxMs }))) throw new Error('it did not come to be');
}

/** A stream that the client does not read: what comes of it is what the client holds. */
class Unread {
  #sent = 0;

  private constructor(
    readonly world: SimulatedWorld,
    readonly from: Stream,
    readonly to: Stream,
  ) {}

  static async of(world: SimulatedWorld, server: SimulatedServer, client: Session): Promise<Unread> {
    const stream = server.sessions[0]!.openStream({ unidirectional: true });
    void stream.write(pattern(PIECE_BYTES));
    const unread = new Unread(world, stream, await world.settle(client.acceptStream()));
    unread.#sent = PIECE_BYTES;
    return unread;
  }

  /** Sends until the client has taken this step. */
  async sendUntil(events: readonly OverloadEvent[], action: Action): Promise<void> {
    while (!events.some((event) => event.action === action)) {
      await this.send(PIECE_BYTES);
      await this.world.pass(300);
    }
  }

  async send(bytes: number): Promise<void> {
    this.#sent += bytes;
    await this.world.settle(this.from.write(pattern(bytes)));
  }

  /** The client reads all of it. */
  async read(): Promise<void> {
    let bytes = 0;
    while (bytes < this.#sent) bytes += (await this.world.settle(this.to.read()))!.length;
  }
}

describe('a process that dials, and is short of memory', () => {
  test('gives up paths one by one, takes on nothing new and says when, and has everything back by itself', async () => {
    const { world, server, client, events, unread } = await setUp(1);
    await unread.sendUntil(events, 'noProbing');
    expect([paths(client), client.serviceLevel]).toEqual([
      3,
      { level: 'reduced', reason: 'this process is short of memory' },
    ]);
    await unread.sendUntil(events, 'fewerPaths');
    await until(world, () => paths(client) === 2);
    await unread.sendUntil(events, 'singlePath');
    await until(world, () => paths(client) === 1);
    // It may dial, until it is over its bound.
    const second = await world.dial(server.address);
    await unread.sendUntil(events, 'refuseSessions');
    await expect(world.dial(server.address)).rejects.toMatchObject({
      code: 'ERR_KWIK_LIMIT_EXCEEDED',
      scope: 'local',
      retryAfterMs: expect.any(Number),
      message: expect.stringMatching(
        /^this process is overloaded \(memory: 8\d % of its budget is used\); try again in \d+ s$/u,
      ),
    });
    // The server heard nothing of that; and however long it lasts, no path comes.
    await world.pass(60_000);
    expect([server.sessions.length, server.refusals, paths(client)]).toEqual([2, [], 1]);
    expect(
      client.getAllPaths().filter(({ reason = '' }) => /this process is short of memory/u.test(reason)),
    ).toHaveLength(2);
    await unread.read();
    await until(world, () => paths(client) === 3);
    await world.pass(20_000);
    expect([client.serviceLevel.level, second.serviceLevel.level]).toEqual(['full', 'full']);
    expect(server.sessions[0]!.serviceLevel.level).toBe('full');
    await world.settle((await world.dial(server.address)).close());
    const { decisions } = client.stats();
    expect(decisions.filter(({ of }) => of === 'process').map(({ step, bound }) => [step, bound.name])).toEqual(
      events.map(({ action, on }) => (on ? ['degrade', `${action} from`] : ['restore', `${action} below`])),
    );
    // Of others nothing, though their level of service was another one as well.
    const ofSessions = decisions.filter(({ of }) => of === 'session');
    expect(new Set(ofSessions.map(({ decider, session }) => `${decider} ${session}`))).toEqual(
      new Set([`service ${client.id}`]),
    );
    expect(second.stats().decisions.map(({ session }) => session)).toContain(second.id);
    const order: Action[] = ['lessReadAhead', 'noCopies', 'noProbing', 'fewerPaths', 'singlePath', 'refuseSessions'];
    expect(events.map(({ action, on }) => [action, on])).toEqual([
      ...order.map((action) => [action, true]),
      ...order.reverse().map((action) => [action, false]),
    ]);
    await world.settle(Promise.all([client.close(), second.close()]));
    await world.pass(5000);
    expect(world.client.pendingTimers).toBe(0);
  });

  test('drains the paths that it gives up without a gap for the reader of a download', async () => {
    const { world, server, client, events, unread } = await setUp(2);
    const content = pattern(4_000_000);
    await unread.send(0.5 * MEMORY_BYTES);
    await world.pass(3000);
    const stream = server.sessions[0]!.openStream({ unidirectional: true });
    void stream.write(content).then(() => stream.close());
    const download = await world.settle(client.acceptStream());
    const seen = { bytes: 0, longestMs: 0, wrong: 0 };
    const done = (async () => {
      let lastMs = world.clock.now();
      for await (const chunk of download) {
        const now = world.clock.now();
        if (seen.bytes > 0) seen.longestMs = Math.max(seen.longestMs, now - lastMs);
        lastMs = now;
        if (!Buffer.from(chunk).equals(content.subarray(seen.bytes, seen.bytes + chunk.length))) seen.wrong++;
        seen.bytes += chunk.length;
      }
    })();
    await world.pass(1000);
    expect(paths(client)).toBe(3);
    await unread.send(0.36 * MEMORY_BYTES);
    await until(world, () => paths(client) === 1);
    expect(events.some(({ action, on }) => action === 'singlePath' && on)).toBe(true);
    expect(seen.bytes).toBeLessThan(content.length);
    await world.settle(done);
    expect(seen).toMatchObject({ bytes: content.length, wrong: 0 });
    expect(seen.longestMs).toBeLessThanOrEqual(GAP_MS);
  });

  test('takes no path to another server while a session has one path, and says when it does', async () => {
    const { world, server, client, events, unread } = await setUp(3);
    const peer = world.server('10.0.0.2', LINK);
    await unread.sendUntil(events, 'singlePath');
    const add = () => world.settle(server.sessions[0]!.addPath(peer.address));
    await expect(add()).rejects.toMatchObject({
      code: 'ERR_KWIK_CONNECTION_REFUSED',
      message: expect.stringContaining('this process is short of memory'),
      retryAfterMs: expect.any(Number),
    });
    expect(peer.sessions).toHaveLength(0);
    await unread.read();
    await world.pass(30_000);
    await add();
    expect(client.getActivePaths().some(({ address }) => address === peer.address)).toBe(true);
  });
});
