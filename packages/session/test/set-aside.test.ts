import { describe, expect, jest, test } from '@jest/globals';
import type { ReplicaSource, ServerSession } from '@kwik/session';
import { pattern } from './harness.js';
import { SimulatedWorld } from './simulated-world.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

const LINK = { both: { rateBitsPerSecond: 10e6, delayMs: 20, queueBytes: 60_000 } };
const CONTENT = pattern(300_000);

async function setUp() {
  const world = new SimulatedWorld(12);
  const source: ReplicaSource = {
    size: BigInt(CONTENT.length),
    read: (offset, length) => Promise.resolve(CONTENT.slice(Number(offset), Number(offset) + length)),
  };
  const primary = world.server('10.0.0.1', LINK, { source });
  const peer = world.server('10.0.0.2', LINK, { source });
  const client = await world.dial(primary.address);
  const server: ServerSession = primary.sessions[0]!;
  await world.settle(server.addPath(peer.address));
  const fetch = async (): Promise<Buffer> => {
    const stream = server.openStream({ unidirectional: true });
    const accepted = await world.settle(client.acceptStream());
    const sending = stream.sendFrom('film', source).then(() => stream.close());
    const reading = (async () => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of accepted) chunks.push(chunk);
      return Buffer.concat(chunks);
    })();
    return (await world.settle(Promise.all([reading, sending])))[0];
  };
  const fetched = (): number => client.getAllPaths().find(({ id }) => Number(id) === 1)!.receivedBytes;
  return { client, fetch, fetched };
}

describe('a path that the client has set aside', () => {
  test('is not asked for content that begins meanwhile, until it is resumed', async () => {
    const { client, fetch, fetched } = await setUp();
    client.suspendPath(1);
    expect((await fetch()).equals(CONTENT)).toBe(true);
    expect(fetched()).toBe(0);
    client.resumePath(1);
    expect((await fetch()).equals(CONTENT)).toBe(true);
    expect(fetched()).toBeGreaterThan(0);
  });
});
