import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { PathInfo, Session } from '@kwik/session';
import { until } from '@kwik/testbed';
import { addressOf, fetchContent, Harness, pattern, readAll, serveContent, sourceOf } from './harness.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(120_000);

const LIMITS = { packetsPerKey: 6000 };
/** New ones are made when half are used up, some 4 MB. */
const RENEWED_AT = LIMITS.packetsPerKey / 2;
/** More than half of them, and with acknowledgements and what is sent again less than all. */
const content = pattern(4_400_000, 21);
/** Under keys of which less than half is used it never takes all of them, however long a new connection takes. */
const part = pattern(2_000_000, 22);
const MAX_TRANSFERS = 20;

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(async () => {
  await harness.close();
});

function watchDeaths(client: Session): string[] {
  const deaths: string[] = [];
  client.onPathChange(({ id, state, reason }) => {
    if (state === 'dead') deaths.push(`${id}: ${reason}`);
  });
  return deaths;
}

async function fetchUntilRenewed(client: Session, carrying: () => readonly PathInfo[]): Promise<void> {
  for (let transfer = 0; transfer < MAX_TRANSFERS; transfer++) {
    expect(Buffer.compare(await fetchContent(client), part)).toBe(0);
    await until(() => carrying().every(({ keyPackets }) => keyPackets! < RENEWED_AT));
    const renewed = carrying().filter(({ renewals }) => renewals! > 0);
    if (renewed.length === carrying().length) return;
    // The others carry everything from now on.
    for (const { id, state } of renewed) if (state !== 'suspended') client.suspendPath(id);
  }
}

describe('QUIC keys that have been used for long', () => {
  test('are new while both ends write; no packet too many goes out under any', async () => {
    const { client, server } = await harness.pair({ limits: LIMITS }, { limits: LIMITS });
    const deaths = watchDeaths(client);
    const stream = client.openStream();
    const [read, echoed] = await Promise.all([
      readAll(stream),
      (async () => {
        const other = await server.acceptStream();
        const [bytes] = await Promise.all([readAll(other), other.write(content).then(() => other.close())]);
        return bytes;
      })(),
      stream.write(content).then(() => stream.close()),
    ]);
    expect(Buffer.compare(read, content)).toBe(0);
    expect(Buffer.compare(echoed, content)).toBe(0);
    // The last of them may come when all is read.
    const paths = (): readonly PathInfo[] => [...client.getAllPaths(), ...server.getAllPaths()];
    await until(() => paths().every(({ renewals = 0 }) => renewals > 0));
    expect(deaths).toEqual([]);
    for (const { keyPackets, sentPackets } of paths()) {
      expect(keyPackets).toBeLessThan(LIMITS.packetsPerKey);
      expect(sentPackets).toBeGreaterThan(keyPackets!);
    }
  });

  test('are new on paths to another server and by way of a relay, whose sessions go on', async () => {
    const peer = await harness.listen({ replica: () => sourceOf(part), limits: LIMITS });
    const relay = await harness.listen({ relay: { anchors: ['127.0.0.1'] } });
    const { client, server } = await harness.pair({ limits: LIMITS }, { limits: LIMITS });
    await server.addPath(addressOf(peer));
    await server.addPath(addressOf(relay), { capabilities: ['relay'] });
    await until(() => client.getActivePaths().some(({ via }) => via !== undefined));
    const deaths = watchDeaths(client);
    client.suspendPath(0);
    server.suspendPath(0);
    void serveContent(server, 'film', part);
    const carrying = (): readonly PathInfo[] =>
      client.getAllPaths().filter(({ address, via }) => via !== undefined || address === addressOf(peer));
    await fetchUntilRenewed(client, carrying);
    expect(carrying().map(({ renewals }) => renewals! > 0)).toEqual([true, true]);
    expect(deaths).toEqual([]);
    // What the relay forwarded before is over when nothing is under way on it any more.
    await until(() => relay.stats().relay.connections === 1);
  });
});
