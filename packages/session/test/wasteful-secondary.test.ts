import { describe, expect, jest, test } from '@jest/globals';
import type { ServerSession, Session } from '@kwik/session';
import { pattern } from './harness.js';
import { SimulatedWorld } from './simulated-world.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

const LINK = { both: { rateBps: 50e6, delayMs: 10, queueBytes: 200_000 } };
/** More pieces than a session may hold without bytes that explain them. */
const PIECES = 60_000;

async function transfer(
  world: SimulatedWorld,
  server: ServerSession,
  client: Session,
  bytes: Uint8Array,
): Promise<Buffer> {
  const stream = server.openStream({ unidirectional: true });
  const writing = stream.write(bytes).then(() => stream.close());
  const reading = (async () => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of await client.acceptStream()) chunks.push(chunk);
    return Buffer.concat(chunks);
  })();
  return (await world.settle(Promise.all([reading, writing])))[0];
}

describe('a secondary that spends the memory of the client by single bytes with holes between them', () => {
  test('loses its path, and the reader of its stream is told; the session goes on', async () => {
    const world = new SimulatedWorld(13);
    const primary = world.server('10.0.0.1', LINK);
    const peer = world.server('10.0.0.2', LINK);
    const client = await world.dial(primary.address);
    const server: ServerSession = primary.sessions[0]!;
    const { id } = await world.settle(server.addPath(peer.address, { capabilities: ['contribute'] }));
    const stream = server.openStream({ unidirectional: true });
    stream.skip(BigInt(2 * PIECES));
    const accepted = await world.settle(client.acceptStream());
    await world.settle(server.grantContribution(id, stream.id, [{ offset: 0n, length: BigInt(2 * PIECES) }]));
    const reading = expect(accepted.read()).rejects.toMatchObject({ code: 'ERR_KWIK_EXCESSIVE_LOAD' });
    const wasting = peer.sessions[0]!.contribute(stream.id);
    const spending = (async () => {
      for (let index = 0; index < PIECES; index++) await wasting.writeAt(BigInt(1 + 2 * index), Uint8Array.of(index));
    })();
    spending.catch(() => undefined);
    await world.settle(reading);
    expect(client.getDeadPaths()).toMatchObject([{ id, errorCode: 'ERR_KWIK_EXCESSIVE_LOAD' }]);
    expect(client.getActivePaths()).toMatchObject([{ id: 0 }]);
    const bytes = pattern(100_000);
    expect((await transfer(world, server, client, bytes)).equals(bytes)).toBe(true);
    const knows = (): boolean => server.getDeadPaths().some((path) => path.id === id);
    expect(await world.clock.runUntilAsync(knows, { maxMs: 5000 })).toBe(true);
    // Connected again it would do so again.
    await world.clock.advanceToAsync(world.clock.now() + 120_000);
    expect(peer.sessions).toHaveLength(1);
    expect(client.getActivePaths()).toMatchObject([{ id: 0 }]);
    await world.settle(client.close());
  });
});
