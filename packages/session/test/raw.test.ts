import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { ClientLimits } from '@kwik/session';
import { addressOf, Harness, pattern } from './harness.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(async () => {
  await harness.close();
});

/** A primary and a secondary of one client. */
async function setUp(capabilities: readonly ('raw' | 'contribute')[], limits: ClientLimits = {}) {
  const secondary = await harness.listen();
  const { server, client } = await harness.pair({}, { limits });
  const [joined, { id }] = await Promise.all([
    secondary.accept(),
    server.addPath(addressOf(secondary), { capabilities }),
  ]);
  return { server, client, joined, id };
}

describe('raw packets (K9)', () => {
  test('go both ways, unread and unchanged, and are counted', async () => {
    const { server, joined, id } = await setUp(['raw']);
    const there = joined.rawPackets()[Symbol.asyncIterator]();
    const back = server.rawPackets()[Symbol.asyncIterator]();
    for (const bytes of [0, 1, 5000, 16 * 1024]) {
      await server.sendRawPacket(pattern(bytes, 3), id);
      expect(Buffer.from((await there.next()).value!.data).equals(pattern(bytes, 3))).toBe(true);
      await joined.sendRawPacket(pattern(bytes, 4), 0);
      expect(Buffer.from((await back.next()).value!.data).equals(pattern(bytes, 4))).toBe(true);
    }
    expect(joined.rawPacketCounts()).toEqual({ received: 4, dropped: 0 });
    expect(server.rawPacketCounts()).toEqual({ received: 4, dropped: 0 });
  });

  test('larger ones than agreed do not leave', async () => {
    const { server, id } = await setUp(['raw'], { maxRawPacketBytes: 100 });
    await expect(server.sendRawPacket(pattern(101), id)).rejects.toMatchObject({ code: 'ERR_KWIK_PACKET_TOO_LARGE' });
  });

  test('a path without the capability gets none and sends none', async () => {
    const { server, joined, id } = await setUp(['contribute']);
    const denied = { code: 'ERR_KWIK_PERMISSION_DENIED' };
    await expect(server.sendRawPacket(pattern(5), id)).rejects.toMatchObject(denied);
    await expect(joined.sendRawPacket(pattern(5), 0)).rejects.toMatchObject(denied);
    expect(joined.rawPacketCounts().received).toBe(0);
    expect(server.rawPacketCounts().received).toBe(0);
  });

  test('beyond its quota a path gets none, and the sender is told', async () => {
    const { server, joined, id } = await setUp(['raw'], { rawPacketsPerSecond: 1, rawBytesPerSecond: 1000 });
    const sent = Array.from({ length: 20 }, () => server.sendRawPacket(pattern(10), id));
    const results = await Promise.allSettled(sent);
    const refused = results.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
    expect(refused.length).toBeGreaterThan(10);
    for (const error of refused) {
      expect(error).toMatchObject({ code: 'ERR_KWIK_LIMIT_EXCEEDED', message: expect.stringMatching(/1 raw packets/) });
    }
    const there = joined.rawPackets()[Symbol.asyncIterator]();
    expect((await there.next()).value!.data).toEqual(pattern(10));
  });

  test('for a path that is dead the client answers with a dead-path notice (K6.3)', async () => {
    const third = await harness.listen();
    const { server, joined, id } = await setUp(['raw']);
    const gone = await server.addPath(addressOf(third), { capabilities: ['raw'] });
    await server.removePath(gone.id, 'no longer needed');
    // The secondary does not know, so it is the client that answers.
    await expect(joined.sendRawPacket(pattern(5), gone.id)).rejects.toMatchObject({
      code: 'ERR_KWIK_PATH_DEAD',
      message: expect.stringMatching(/no longer needed/),
    });
    await expect(joined.sendRawPacket(pattern(5), 77)).rejects.toMatchObject({ code: 'ERR_KWIK_PATH_NOT_FOUND' });
    await server.sendRawPacket(pattern(5), id);
  });
});
