import { describe, expect, jest, test } from '@jest/globals';
import type { Session } from '@kwik/session';
import { echoes, readAll } from './harness.js';
import { SimulatedWorld, type SimulatedServer } from './simulated-world.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

const LINK = { both: { rateBitsPerSecond: 10e6, delayMs: 10, queueBytes: 60_000 } };
/** More than after which a path would be given up that is not the only one. */
const SILENCE_MS = 7000;

async function echoed(session: Session, bytes: Uint8Array): Promise<Uint8Array> {
  const stream = session.openStream();
  await stream.write(bytes);
  await stream.close();
  return readAll(stream);
}

/** A client with one path, the states that it went through, and how many ends of connections there are. */
async function clientOf(world: SimulatedWorld): Promise<{
  readonly server: SimulatedServer;
  readonly client: Session;
  readonly states: string[];
  readonly ends: number;
}> {
  const server = world.server('10.0.0.1', LINK, { idleTimeoutMs: 60_000, onSession: echoes });
  const client = await world.dial(server.address, { timeouts: { recoveryMs: 60_000 } });
  await world.pass(500);
  const states: string[] = [];
  client.onPathChange(({ state }) => void states.push(state));
  return { server, client, states, ends: server.link.connections };
}

describe('the only path, while its server is silent', () => {
  const bytes = Buffer.alloc(100_000, 'kwik');

  test('is kept while another connection is tried for: a server that answers late finds its client there', async () => {
    const world = new SimulatedWorld(1);
    const { server, client, states, ends } = await clientOf(world);
    server.link.stall();
    const answer = echoed(client, bytes);
    await world.pass(SILENCE_MS);
    expect(states).toEqual(['suspected']);
    server.link.resume();
    expect(bytes.equals(await world.settle(answer))).toBe(true);
    // Attempts that came to nothing are forgotten by the server as well.
    await world.pass(70_000);
    expect(states.slice(0, 2)).toEqual(['suspected', 'active']);
    expect(states).not.toContain('dead');
    expect(server.sessions[0]!.getAllPaths()).toMatchObject([{ state: 'active' }]);
    expect(server.link.connections).toBe(ends);
    await world.settle(client.close());
  });

  test('is dead after a while longer, and another one is there as soon as the server is', async () => {
    const world = new SimulatedWorld(2);
    const { server, client, states } = await clientOf(world);
    server.link.cut();
    const answer = echoed(client, bytes);
    await world.pass(20_000);
    expect(states).toEqual(expect.arrayContaining(['suspected', 'dead', 'recovering']));
    expect(client.getActivePaths()).toEqual([]);
    server.link.heal();
    expect(bytes.equals(await world.settle(answer, 3000))).toBe(true);
    await world.settle(client.close());
  });

  test('that is heard again while the server takes another connection for it goes for that one', async () => {
    const world = new SimulatedWorld(3);
    const { server, client, states, ends } = await clientOf(world);
    server.link.cut();
    await world.pass(5000);
    // The connection is there, and the hello is not.
    server.link.holdStreams((_, receiver) => receiver === 'server');
    server.link.heal();
    await world.pass(1500);
    expect(states).toEqual(['suspected', 'active']);
    server.link.holdStreams(undefined);
    const answer = echoed(client, bytes);
    expect(bytes.equals(await world.settle(answer, 5000))).toBe(true);
    await world.pass(70_000);
    expect(states.filter((state) => state === 'dead')).toHaveLength(1);
    expect(client.getActivePaths()).toMatchObject([{ id: 0, state: 'active' }]);
    expect(server.link.connections).toBe(ends);
    await world.settle(client.close());
  });

  test('where the session does not wait for its server is given up at once', async () => {
    const world = new SimulatedWorld(4);
    const server = world.server('10.0.0.1', LINK, { idleTimeoutMs: 60_000 });
    const client = await world.dial(server.address, { timeouts: { recoveryMs: 0 } });
    server.link.cut();
    await world.pass(SILENCE_MS + 1000);
    await expect(world.settle(client.closed, 1)).resolves.toMatchObject({ by: 'error' });
  });
});
