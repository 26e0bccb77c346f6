import { createHash, randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test } from '@jest/globals';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { connectedPair, TestServer, TransportProbe, type Pair } from '../test-support/peers.js';
import { Endpoint } from './endpoint.js';
import { ProcessResources } from './process-resources.js';

const MIB = 1024 * 1024;

function sha(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

let pair: Pair | undefined;

afterEach(async () => {
  await pair?.[Symbol.asyncDispose]();
  pair = undefined;
});

describe('transfer on loopback', () => {
  test('a stream carries bytes both ways and ends both ways', async () => {
    pair = await connectedPair();
    const { client, accepted } = pair;
    const out = client.open();
    void out.send(Buffer.from('hello'));
    const incoming = await accepted.nextStream();
    await incoming.ended.promise;
    expect(incoming.received().toString()).toBe('hello');
    expect(incoming.stream).toMatchObject({ id: 0, unidirectional: false, openedByPeer: true });
    await incoming.send(Buffer.from('and back'));
    await out.ended.promise;
    expect(out.received().toString()).toBe('and back');
  });

  test('the first window is 30 datagrams with BBR, and ten without', async () => {
    pair = await connectedPair();
    const { cwndBytes, datagramBytes } = pair.client.transport.stats();
    expect(cwndBytes).toBeGreaterThanOrEqual(30 * datagramBytes);
    await pair[Symbol.asyncDispose]();
    pair = await connectedPair({ transport: { congestionControl: 'cubic' } });
    expect(pair.client.transport.stats().cwndBytes).toBeLessThan(20 * datagramBytes);
  });

  test('a path that is known begins with what it carried, and carries every byte', async () => {
    const resources = new ProcessResources();
    await using server = await TestServer.start();
    await using client = await Endpoint.bind({ resources });
    resources.paths.note(`127.0.0.1 127.0.0.1 ${server.port}`, { pipeBytes: 250_000, rttMs: 1 }, 0);
    const windowOf = async (carefulResume: boolean): Promise<number> => {
      const probe = new TransportProbe(await client.dial(server.dialOptions({ transport: { carefulResume } })));
      const data = randomBytes(MIB);
      const { cwndBytes } = probe.transport.stats();
      void probe.open().send(data);
      const arrived = await (await server.nextConnection()).nextStream();
      await arrived.ended.promise;
      expect(sha(arrived.received())).toBe(sha(data));
      return cwndBytes;
    };
    expect(await windowOf(false)).toBeLessThan(80_000);
    expect(await windowOf(true)).toBeGreaterThanOrEqual(160_000);
  });

  test('several MB cross on several streams both ways, byte for byte', async () => {
    pair = await connectedPair();
    const { client, accepted } = pair;
    const payloads = Array.from({ length: 4 }, () => randomBytes(3 * MIB));
    accepted.onStreamProbe = (probe) => {
      void probe.ended.promise.then(() => probe.send(probe.received()));
    };
    const echoed = await Promise.all(
      payloads.map(async (payload) => {
        const probe = client.open();
        await probe.send(payload);
        await probe.ended.promise;
        return sha(probe.received());
      }),
    );
    expect(echoed).toEqual(payloads.map(sha));
  }, 30_000);

  test('unidirectional streams go one way', async () => {
    pair = await connectedPair();
    const { client, accepted } = pair;
    const payload = randomBytes(300_000);
    void accepted.open(true).send(payload);
    const incoming = await client.nextStream();
    await incoming.ended.promise;
    expect(sha(incoming.received())).toBe(sha(payload));
    expect(incoming.stream).toMatchObject({ id: 3, unidirectional: true });
    expect(() => incoming.stream.write(payload)).toThrow(/not open for writing/);
  });

  test('one-way streams do not share the path packet by packet; a conversation goes before them', async () => {
    // On a machine that is busy even loopback is paced, and then what was written last is not with the backend yet.
    pair = await connectedPair({ transport: { pacing: false } });
    const { client, accepted } = pair;
    const order: number[] = [];
    accepted.onStreamProbe = (probe) => void (probe.onChunk = () => order.push(probe.stream.id));
    const payload = randomBytes(8000);
    const oneWay = Array.from({ length: 4 }, () => client.open(true));
    for (const probe of oneWay) void probe.send(payload);
    void client.open().send(Buffer.from('hello'));
    while (accepted.streams.length < 5) await nextTurn();
    await Promise.all(accepted.streams.map((probe) => probe.ended.promise));
    expect(order.slice(0, 1)).toEqual([0]);
    // 24 packets: in turn they would change at nearly each. One after the other they change four times, and twice more wherever
    // the end of one and the beginning of the next are read in one go.
    const changes = order.filter((id, index) => id !== order[index - 1]).length;
    expect(changes).toBeLessThanOrEqual(1 + 4 + 2 * 4);
    expect(accepted.streams.filter((probe) => probe.bytes === payload.length)).toHaveLength(4);
  });
});
