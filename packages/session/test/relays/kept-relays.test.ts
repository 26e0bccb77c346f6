import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Listener, PathInfo, ServerSession, Session } from '@kwik/session';
import { until } from '@kwik/testbed';
import { addressOf, Harness, pattern } from '../harness.js';

let harness: Harness;

beforeEach(async () => {
  harness = await Harness.create();
});

afterEach(() => harness.close());

function listenAsRelay(): Promise<Listener> {
  return harness.listen({ relay: { anchors: ['127.0.0.1'] } });
}

/** At the primary, a path by way of a relay has a number of its own. */
function through(session: ServerSession, state: PathInfo['state']): PathInfo[] {
  return session.getAllPaths().filter((path) => path.id >= 131_072 && path.state === state);
}

function relayed(session: Session): PathInfo[] {
  return session.getActivePaths().filter(({ via }) => via !== undefined);
}

async function settled(server: ServerSession): Promise<void> {
  await until(() => through(server, 'active').length === 2 && through(server, 'suspended').length === 1, 30_000);
}

describe('a primary that names relays', () => {
  test('brings in three of them by itself: two carry, one stands by and takes over, and a fourth follows', async () => {
    const relays = await Promise.all([listenAsRelay(), listenAsRelay(), listenAsRelay(), listenAsRelay()]);
    const byAddress = new Map(relays.map((relay) => [addressOf(relay), relay]));
    const named = [...byAddress.keys()].map((address) => ({ address }));
    const { client, server } = await harness.pair({ relays: named }, { writes: { routing: 'distributed' } });
    await settled(server);
    const stream = client.openStream();
    const payload = pattern(500_000);
    void stream.write(payload).then(() => stream.close());
    const far = await server.acceptStream();
    const first = await far.read();
    const killed = relayed(client)[0]!.via!;
    await byAddress.get(killed)?.close({ force: true });
    const chunks = [first!];
    for await (const chunk of far) chunks.push(chunk);
    expect(Buffer.compare(Buffer.concat(chunks), payload)).toBe(0);
    await until(() => !relayed(client).some(({ via }) => via === killed), 30_000);
    await settled(server);
  }, 90_000);

  test.each([
    ['a relay without a port', [{ address: 'relay.example' }], /not an address/],
    ['no bytes', [{ address: 'relay.example:1', traffic: { maxBytes: 0 } }], /maxBytes/],
  ])('is told at once of %s', async (_what, relays, message) => {
    await expect(harness.listen({ relays })).rejects.toMatchObject({
      code: 'ERR_KWIK_INVALID_ARGUMENT',
      message: expect.stringMatching(message),
    });
  });
});
