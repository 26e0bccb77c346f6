import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Endpoint } from '@kwik/quic';
import type { Session } from '@kwik/session';
import { until } from '@kwik/testbed';
import { listenWith } from '../../src/server/listen.js';
import { endpointOptions } from '../../src/server/listener-socket.js';
import { addressOf, Harness } from '../harness.js';
import { Middle } from './middle.js';

let harness: Harness;

beforeEach(async () => {
  harness = await Harness.create();
});

afterEach(() => harness.close());

const MARK = Buffer.from('what no relay may ever read, over and over again. ');
const PAYLOAD = Buffer.alloc(300_000, MARK);

const DISTRIBUTED = { writes: { routing: 'distributed' } } as const;

/** A client and its primary, with a path by way of a relay through somebody's hands. */
async function scene() {
  const relay = await harness.listen({ relay: { anchors: ['127.0.0.1'] } });
  const middle = await Middle.create(relay.address().port);
  harness.onClose(() => middle.close());
  const { client, server } = await harness.pair({}, { ...DISTRIBUTED, paths: { resolve: () => middle.address } });
  await server.addPath(addressOf(relay), { capabilities: ['relay'] });
  await until(() => carrying(client) === 1);
  return { middle, client, server };
}

function carrying(session: Session): number {
  return session.getActivePaths().filter(({ via }) => via !== undefined).length;
}

async function exchange({ client, server }: Awaited<ReturnType<typeof scene>>): Promise<void> {
  const stream = client.openStream();
  void stream.write(PAYLOAD).then(() => stream.close());
  const far = await server.acceptStream();
  const chunks: Uint8Array[] = [];
  for await (const chunk of far) chunks.push(chunk);
  expect(Buffer.compare(Buffer.concat(chunks), PAYLOAD)).toBe(0);
}

describe('somebody who forwards', () => {
  let count = 0;

  test.each<[string, Middle['mangle']]>([
    [
      'alters',
      (datagram) => {
        const at = datagram.length - 1 - (count % 20);
        if (++count % 5 === 0) datagram[at] = datagram[at]! ^ 0x55;
        return [{ datagram }];
      },
    ],
    ['duplicates and replays', (datagram) => [{ datagram }, { datagram }, { datagram, afterMs: 30 }]],
    ['delays and reorders', (datagram) => [{ datagram, afterMs: (++count * 7) % 40 }]],
    ['drops a fifth of', (datagram) => (++count % 5 === 0 ? [] : [{ datagram }])],
    ['cuts short or fills up', (datagram) => [{ datagram: ++count % 4 === 0 ? datagram.subarray(0, 30) : datagram }]],
  ])(
    'and %s what passes by changes no byte of a stream',
    async (_what, mangle) => {
      const made = await scene();
      made.middle.mangle = mangle;
      await exchange(made);
      expect(made.client.getActivePaths().length).toBeGreaterThanOrEqual(1);
    },
    60_000,
  );

  test('and falls silent costs its own path, and the session goes on', async () => {
    const made = await scene();
    made.middle.mangle = () => [];
    await exchange(made);
    await until(() => carrying(made.client) === 0);
    await exchange(made);
  }, 60_000);

  test('and records what passes by reads nothing of it', async () => {
    const made = await scene();
    // All of it goes by way of the relay.
    made.client.suspendPath(0);
    made.server.suspendPath(0);
    await exchange(made);
    const bytes = Buffer.concat(made.middle.seen);
    expect(bytes.length).toBeGreaterThan(PAYLOAD.length);
    for (let at = 0; at + 8 <= MARK.length; at += 8) expect(bytes.includes(MARK.subarray(at, at + 8))).toBe(false);
  }, 60_000);

  test('and leads to another server, of the same authority, gets nobody to talk to that', async () => {
    const elsewhere = await harness.listen({});
    const relayOptions = { relay: { anchors: ['127.0.0.1'] } };
    const endpoint = await Endpoint.bind(endpointOptions(relayOptions));
    const { port } = elsewhere.address();
    const relay = await listenWith(relayOptions, {
      endpoint: {
        address: () => endpoint.address(),
        close: () => endpoint.close(),
        listen: (...given) => endpoint.listen(...given),
        stats: () => endpoint.stats(),
        stopListening: () => endpoint.stopListening(),
        expectRelay: (address) => endpoint.expectRelay(address),
        forward: (flow) => endpoint.forward({ ...flow, anchor: { address: '127.0.0.1', port } }),
        stopForwarding: (flow) => endpoint.stopForwarding(flow),
      },
    });
    harness.onClose(() => endpoint.close());
    harness.onClose(() => relay.close({ force: true }));
    const { client, server } = await harness.pair({}, DISTRIBUTED);
    await server.addPath(addressOf(relay), { capabilities: ['relay'] });
    await until(() => client.getDeadPaths().some(({ errorCode }) => errorCode === 'ERR_KWIK_CERTIFICATE'));
    expect([carrying(client), elsewhere.stats().sessions, elsewhere.stats().opened]).toEqual([0, 0, 0]);
    expect(client.getActivePaths().some(({ id }) => id === 0)).toBe(true);
  }, 60_000);
});
