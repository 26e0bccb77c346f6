import { describe, expect, jest, test } from '@jest/globals';
import type { PathInfo, ServerSession, Session } from '@kwik/session';
import type { PathTransport } from '@kwik/wire';
import { contentServers } from './content-servers.js';
import { fetchContent, pattern, readAll } from './harness.js';
import { SimulatedWorld, type SimulatedServer } from './simulated-world.js';
import { withoutAnswers } from './without-answers.js';

/** For machines that do much else at the time. */
jest.setTimeout(120_000);

const HOUR_MS = 3_600_000;
const shape = { both: { rateBitsPerSecond: 20e6, delayMs: 10, queueBytes: 62_500 } };

function watchChanges(client: Session): string[] {
  const changes: string[] = [];
  client.onPathChange(({ id, state }) => changes.push(`${id} ${state}`));
  return changes;
}

function renewalsOf(session: Session | ServerSession): number[] {
  return session.getAllPaths().map(({ renewals }) => renewals ?? -1);
}

/** Bytes of both ends on one stream at once, as both read them. */
async function exchange(world: SimulatedWorld, server: SimulatedServer, client: Session, bytes: Uint8Array) {
  const stream = client.openStream();
  const echoed = (async () => {
    const other = await server.sessions[0]!.acceptStream();
    const sending = other.write(bytes).then(() => other.close());
    const read = await readAll(other);
    await sending;
    return read;
  })();
  const sending = stream.write(bytes).then(() => stream.close());
  const read = readAll(stream);
  return world.settle(Promise.all([read, echoed, sending]));
}

describe('a path whose keys have been used for long, on virtual time', () => {
  test.each([0, 0.02])(
    'gets new ones many times, and its streams are whole in both directions; lost: %d',
    async (lossRate) => {
      const world = new SimulatedWorld(5);
      const lossy = { both: { ...shape.both, lossRate } };
      const server = world.server('10.0.0.1', lossy, { limits: { packetsPerKey: 1500 } });
      const client = await world.dial(server.address, { limits: { packetsPerKey: 1500 } });
      const changes = watchChanges(client);
      const bytes = pattern(4_000_000, 3);
      const [read, echoed] = await exchange(world, server, client, bytes);
      expect(Buffer.compare(read, bytes)).toBe(0);
      expect(Buffer.compare(echoed, bytes)).toBe(0);
      const [path] = client.getAllPaths() as [PathInfo];
      expect(path).toMatchObject({ id: 0, state: 'active' });
      expect(path.renewals).toBeGreaterThanOrEqual(3);
      expect(path.keyPackets).toBeLessThan(path.sentPackets!);
      expect(path.keyPackets).toBeLessThan(1500);
      // Nothing was lost with a connection: nobody heard of it, and nothing was sent again for it.
      expect(changes.filter((change) => change !== '0 degraded' && change !== '0 active')).toEqual([]);
      expect(path.reinjectedBytes).toBe(0);
      const [there] = server.sessions[0]!.getAllPaths() as [PathInfo];
      expect(there.state).toBe('active');
      expect(Math.abs(there.renewals! - path.renewals!)).toBeLessThanOrEqual(1);
      await world.pass(60_000);
      expect(client.getAllPaths()[0]).toMatchObject({ state: 'active' });
    },
  );

  test('those to other servers as well: their sessions there go on, and the reader never waits', async () => {
    const world = new SimulatedWorld(7);
    const content = pattern(12_000_000, 9);
    const limits = { packetsPerKey: 1500 };
    const { primary, peers } = contentServers(world, 3, shape, content, { limits });
    const client = await world.dial(primary.address, { limits });
    const changes = watchChanges(client);
    const read = await world.settle(fetchContent(client));
    expect(Buffer.compare(read, content)).toBe(0);
    expect(Math.min(...renewalsOf(client))).toBeGreaterThanOrEqual(2);
    for (const { sessions } of peers) expect(sessions).toHaveLength(1);
    expect(changes.filter((change) => change.endsWith('dead'))).toEqual([]);
  });

  test('those of all servers, under load: no byte is later by more than a round trip than without', async () => {
    const content = pattern(12_000_000, 9);
    const longestGapMs = async (limits: { readonly packetsPerKey?: number }) => {
      const world = new SimulatedWorld(7);
      const { primary } = contentServers(world, 3, shape, content, { limits });
      const client = await world.dial(primary.address, { limits });
      let [lastMs, gapMs] = [Infinity, 0];
      const reading = async (): Promise<void> => {
        const stream = client.openStream();
        await stream.write('content');
        await stream.close();
        for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read()) {
          gapMs = Math.max(gapMs, world.clock.now() - lastMs);
          lastMs = world.clock.now();
        }
      };
      await world.settle(reading());
      return { gapMs, renewals: Math.min(...renewalsOf(client)) };
    };
    const [renewed, untouched] = [await longestGapMs({ packetsPerKey: 1500 }), await longestGapMs({})];
    expect(renewed.renewals).toBeGreaterThanOrEqual(2);
    expect(untouched.renewals).toBe(0);
    const roundTripMs = 2 * shape.both.delayMs;
    expect(renewed.gapMs).toBeLessThanOrEqual(untouched.gapMs + roundTripMs);
  });

  test('gets new ones after an hour, whatever it carried', async () => {
    const world = new SimulatedWorld(3);
    const server = world.server('10.0.0.1', shape);
    const client = await world.dial(server.address);
    await world.pass(HOUR_MS / 2);
    expect(renewalsOf(client)).toEqual([0]);
    await world.pass(HOUR_MS / 2 + 1000);
    expect(renewalsOf(client)).toEqual([1]);
    expect(renewalsOf(server.sessions[0]!)).toEqual([1]);
    await world.pass(HOUR_MS);
    expect(renewalsOf(client)).toEqual([2]);
    const [read] = await exchange(world, server, client, pattern(1000));
    expect(read).toHaveLength(1000);
  });

  test('keeps what it has while new ones cannot be had, and then gets them', async () => {
    const world = new SimulatedWorld(11);
    const limits = { packetsPerKey: 20_000 };
    const server = world.server('10.0.0.1', shape, { limits });
    let dials = 0;
    // The server takes the second and the third connection, and the client never hears of it.
    const wrap = (transport: PathTransport): PathTransport =>
      ++dials === 2 || dials === 3 ? withoutAnswers(transport) : transport;
    const client = await world.dial(server.address, { limits }, { wrap });
    const changes = watchChanges(client);
    const bytes = pattern(14_000_000, 5);
    const [read, echoed] = await exchange(world, server, client, bytes);
    expect(Buffer.compare(read, bytes)).toBe(0);
    expect(Buffer.compare(echoed, bytes)).toBe(0);
    expect(dials).toBeGreaterThanOrEqual(4);
    expect(renewalsOf(client)[0]).toBeGreaterThanOrEqual(1);
    expect(changes.filter((change) => change.endsWith('dead'))).toEqual([]);
  });

  test('is closed before it sends too much under them, and connected again as one that was lost', async () => {
    const world = new SimulatedWorld(13);
    const limits = { packetsPerKey: 1000 };
    const server = world.server('10.0.0.1', shape, { limits });
    let dials = 0;
    const transports: PathTransport[] = [];
    const wrap = (transport: PathTransport): PathTransport => {
      transports.push(transport);
      // Further connections of a path that lives come to nothing; one that takes the place of a lost one is let through.
      return ++dials > 1 && transports.some((one) => one !== transport && !one.closed)
        ? withoutAnswers(transport)
        : transport;
    };
    const client = await world.dial(server.address, { limits }, { wrap });
    const changes = watchChanges(client);
    const bytes = pattern(2_000_000, 5);
    const [read, echoed] = await exchange(world, server, client, bytes);
    expect(Buffer.compare(read, bytes)).toBe(0);
    expect(Buffer.compare(echoed, bytes)).toBe(0);
    expect(changes).toContain('0 dead');
    expect(renewalsOf(client)).toEqual([0]);
    for (const transport of transports) expect(transport.stats().sentPackets).toBeLessThanOrEqual(1000);
  });

  test('a network without further connections of a kind leaves its paths as they are', async () => {
    const world = new SimulatedWorld(17);
    const server = world.server('10.0.0.1', shape, { limits: { packetsPerKey: 1000 } });
    const client = await world.dial(server.address, {}, { repeats: false });
    await world.pass(3 * HOUR_MS);
    expect(client.getAllPaths()).toMatchObject([{ state: 'active', renewals: 0 }]);
  });
});
