import { describe, expect, jest, test } from '@jest/globals';
import type { ServerSession, Session } from '@kwik/session';
import { SimulatedWorld } from './simulated-world.js';

/** For machines that do much else at the time; all is on virtual time. */
jest.setTimeout(60_000);

const LINK = { both: { rateBitsPerSecond: 10e6, delayMs: 10, queueBytes: 30_000 } };

async function twoPaths(seed = 1) {
  const world = new SimulatedWorld(seed);
  const primary = world.server('10.0.0.1', LINK);
  const second = world.network.link(`10.9.0.2 to ${primary.address}`, LINK);
  const client = await world.dial(primary.address, { paths: { extra: [{ localAddress: '10.9.0.2' }] } });
  await world.clock.runUntilAsync(() => client.getActivePaths().length === 2, { maxMs: 2000 });
  return { world, primary, second, client, server: primary.sessions[0]! };
}

/** What comes, as numbers. */
function collect(session: Session | ServerSession): number[] {
  const came: number[] = [];
  void (async () => {
    for await (const data of session.datagrams()) came.push(numberOf(data));
    came.push(Number.NaN);
  })();
  return came;
}

const datagram = (number: number, bytes = 100): Uint8Array => {
  const data = new Uint8Array(bytes);
  new DataView(data.buffer).setUint32(0, number);
  return data;
};
const numberOf = (data: Uint8Array): number => new DataView(data.buffer, data.byteOffset).getUint32(0);

describe('datagrams', () => {
  test('go both ways, are copied at once, and end with the session', async () => {
    const { world, client, server } = await twoPaths();
    const [there, back] = [collect(server), collect(client)];
    expect([client.maxDatagramSize, server.maxDatagramSize]).toEqual([16_384, 16_384]);
    const data = datagram(1);
    client.sendDatagram(data);
    data.fill(9);
    client.sendDatagram(datagram(2, 16_384));
    server.sendDatagram(datagram(3), { copies: 2 });
    await world.pass(300);
    expect([there.sort(), back]).toEqual([[1, 2], [3]]);
    expect([client.datagramCounts(), server.datagramCounts()]).toEqual([
      { sent: 2, unsent: 0, received: 1, unread: 0 },
      { sent: 1, unsent: 0, received: 2, unread: 0 },
    ]);
    expect(() => client.sendDatagram(new Uint8Array(16_385))).toThrow('the peer takes up to 16384 (maxDatagramSize)');
    await world.settle(client.close());
    await world.pass(100);
    expect(there.at(-1)).toBeNaN();
    expect(() => client.sendDatagram(data)).toThrow(expect.objectContaining({ code: 'ERR_KWIK_SESSION_CLOSED' }));
  });

  test('that are sent on two paths survive the silent death of one, each delivered once and without a gap', async () => {
    const { world, primary, client, server } = await twoPaths(2);
    const came = collect(client);
    for (let number = 0; number < 400; number++) {
      if (number === 100) primary.link.cut();
      server.sendDatagram(datagram(number), { copies: 2 });
      await world.pass(5);
    }
    await world.pass(200);
    expect(came).toEqual(Array.from({ length: 400 }, (_, number) => number));
    expect(client.getAllPaths().length).toBe(2);
  });

  test('and streams take no more than their half from each other', async () => {
    const { world, client, server } = await twoPaths(3);
    const stream = server.openStream();
    const there = await world.settle(client.acceptStream());
    void (async () => {
      for (;;) await stream.write(new Uint8Array(16_384));
    })().catch(() => undefined);
    let streamed = 0;
    void (async () => {
      for (let chunk = await there.read(); chunk !== null; chunk = await there.read()) streamed += chunk.length;
    })().catch(() => undefined);
    const came = collect(client);
    const before = [streamed, came.length] as const;
    for (let tick = 0; tick < 1000; tick++) {
      for (let count = 0; count < 4; count++) server.sendDatagram(datagram(tick, 1000));
      await world.pass(2);
    }
    // Both links carry 20 Mbit/s, 5 MB in two seconds; datagrams alone would be 8 MB.
    expect(streamed - before[0]).toBeGreaterThan(1_000_000);
    expect((came.length - before[1]) * 1000).toBeGreaterThan(1_000_000);
    expect(server.datagramCounts().unsent).toBeGreaterThan(0);
  });

  test('that nobody reads are bounded and counted; those that no path takes in time are dropped', async () => {
    const { world, primary, second, client, server } = await twoPaths(4);
    for (let number = 0; number < 1100; number++) {
      client.sendDatagram(datagram(number, 10));
      if (number % 50 === 0) await world.pass(20);
    }
    await world.pass(500);
    const { received, unread } = server.datagramCounts();
    expect([received + client.datagramCounts().unsent, unread]).toEqual([1100, received - 1024]);
    primary.link.cut();
    second.cut();
    await world.pass(20_000);
    const unsent = client.datagramCounts().unsent;
    for (let number = 0; number < 10; number++) client.sendDatagram(datagram(number), { deadlineMs: 100 });
    await world.pass(1000);
    client.sendDatagram(datagram(11));
    primary.link.heal();
    await world.pass(900);
    expect(client.datagramCounts().unsent).toBe(unsent + 10);
  });
});
