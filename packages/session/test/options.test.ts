import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { bearerServerAuth, certificateServerAuth, noneServerAuth, type KwikError } from '@kwik/session';
import { Endpoint, type ServerOptions } from '@kwik/quic';
import { developmentAuthority, developmentCertificate } from '../src/credentials/dev-authority.js';
import { listenWith } from '../src/server/listen.js';
import { makeClientAuthority } from './client-certificates.js';
import { addressOf, Harness, pattern } from './harness.js';
import { SimulatedWorld } from './simulated-world.js';

/** What an option configures, for those that no test of its mechanism sets through `dial` or `listen`. */

const LINK = { both: { rateBitsPerSecond: 50e6, delayMs: 10 } };

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

/** `host:port` at which nobody ever answers. */
async function silence(): Promise<string> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  harness.onClose(() => new Promise<void>((resolve) => socket.close(() => resolve())));
  return `127.0.0.1:${socket.address().port}`;
}

/** Far from the ten seconds of a dial that nothing else bounds. */
async function within(ms: number, action: () => Promise<unknown>): Promise<void> {
  const startMs = performance.now();
  await action();
  expect(performance.now() - startMs).toBeLessThan(ms);
}

describe('dial', () => {
  test('signal gives up the dial', async () => {
    const dialling = harness.dial(await silence(), { signal: AbortSignal.timeout(50) });
    await within(8000, () => expect(dialling).rejects.toMatchObject({ code: 'ERR_KWIK_ABORTED' }));
  });

  test.each([{ dialMs: 200 }, { handshakeMs: 200 }, { dialMs: 200, handshakeMs: 9000 }])(
    'timeouts %p bound the dial',
    async (timeouts) => {
      const target = await silence();
      const refused = { code: 'ERR_KWIK_TIMEOUT' };
      await within(8000, () => expect(harness.dial(target, { timeouts })).rejects.toMatchObject(refused));
    },
  );

  test('timeouts.closeMs bounds the end of a session whose peer is gone', async () => {
    const world = new SimulatedWorld(1);
    const server = world.server('10.0.0.1', LINK);
    const client = await world.dial(server.address, { timeouts: { closeMs: 700 } });
    await client.openStream().write('kept');
    server.link.cut();
    const startMs = world.clock.now();
    await world.settle(client.close());
    expect(world.clock.now() - startMs).toBeGreaterThanOrEqual(700);
    expect(world.clock.now() - startMs).toBeLessThan(2500);
  });

  test('paths.localAddress is where the client sends from', async () => {
    const { server } = await harness.pair({}, { paths: { localAddress: '127.0.0.9' } });
    expect(server.getActivePaths()[0]?.address).toMatch(/^127\.0\.0\.9:/);
  });

  test('runtime.random spreads the waits', async () => {
    const world = new SimulatedWorld(2);
    const server = world.server('10.0.0.1', LINK);
    let asked = 0;
    const random = (): number => (asked++, 0.25);
    await world.dial(server.address, { runtime: { clock: world.client, random } });
    server.link.cut();
    await world.pass(20_000);
    expect(asked).toBeGreaterThan(0);
  });

  test.each([
    ['commandedDialsPerMinute', { commandedDialsPerMinute: 2 }, 'ERR_KWIK_LIMIT_EXCEEDED'],
    ['failedCommandedDials', { failedCommandedDials: 1 }, 'ERR_KWIK_LIMIT_EXCEEDED'],
  ])('limits.%s bounds what a primary may have dialled', async (_name, limits, code) => {
    const world = new SimulatedWorld(3);
    const primary = world.server('198.51.100.1', LINK);
    const refused: KwikError[] = [];
    await world.dial(primary.address, { limits, paths: { onRefused: ({ error }) => refused.push(error) } });
    for (const host of ['198.51.100.2', '198.51.100.3']) {
      const adding = primary.sessions[0]!.addPath(`${host}:9`, { reconnect: false, timeoutMs: 500 });
      await expect(world.settle(adding)).rejects.toBeInstanceOf(Error);
    }
    expect(refused.at(-1)).toMatchObject({ code });
  });
});

describe('listen', () => {
  test('credentials, transport, idle time and the authorities of clients reach the socket', async () => {
    const { certPem: cert, keyPem: key } = await developmentCertificate(['127.0.0.1']);
    const clients = await makeClientAuthority('clients');
    const others = await makeClientAuthority('others');
    const asked: ServerOptions[] = [];
    const endpoint = await Endpoint.bind({});
    harness.onClose(() => endpoint.close());
    const transport = { congestionControl: 'reno', pacing: false, datagramBytes: 1200 } as const;
    await listenWith(
      {
        credentials: { cert, key },
        auth: [certificateServerAuth({ ca: clients.ca }), noneServerAuth(), certificateServerAuth({ ca: others.ca })],
        transport,
        timeouts: { idleMs: 7000 },
      },
      {
        endpoint: {
          address: () => endpoint.address(),
          close: () => Promise.resolve(),
          listen: (options) => void asked.push(options),
          stats: () => endpoint.stats(),
          stopListening: () => undefined,
          expectRelay: () => () => undefined,
          forward: (flow) => endpoint.forward(flow),
          stopForwarding: (flow) => endpoint.stopForwarding(flow),
        },
      },
    );
    expect(asked[0]).toMatchObject({ certPem: cert, keyPem: key, clientCa: `${clients.ca}\n${others.ca}` });
    expect(asked[0]?.transport).toMatchObject({ ...transport, idleTimeoutMs: 7000 });
  });

  test.each(['dgram', 'auto'] as const)('transport.io %s is how the sockets of both ends are used', async (io) => {
    const { client, server, listener } = await harness.pair({ transport: { io } }, { transport: { io } });
    const isPlain = io === 'dgram' || process.platform !== 'linux';
    expect(listener.stats().socket).toEqual({ io: isPlain ? 'dgram' : 'batched', segmentationRefused: undefined });
    const stream = client.openStream();
    await stream.write(pattern(300_000));
    await stream.close();
    const received = await server.acceptStream();
    let bytes = 0;
    for await (const chunk of received) bytes += chunk.length;
    expect(bytes).toBe(300_000);
  });

  test('transport.io is refused for a word that it does not know', async () => {
    const transport = { io: 'magic' as 'auto' };
    await expect(harness.listen({ transport })).rejects.toMatchObject({ code: 'ERR_KWIK_INVALID_ARGUMENT' });
  });

  test('timeouts.handshakeMs: whoever says nothing is refused after it', async () => {
    const refused: KwikError[] = [];
    const listener = await harness.listen({
      timeouts: { handshakeMs: 200 },
      onRefused: (error) => refused.push(error),
    });
    const endpoint = await Endpoint.bind({});
    harness.onClose(() => endpoint.close());
    const { port } = listener.address();
    const ca = (await developmentAuthority()).certPem;
    const transport = await endpoint.dial({ host: '127.0.0.1', port, trust: { ca } });
    const closed = new Promise<void>((resolve) => {
      transport.attach({ onStream: () => undefined, onSendable: () => undefined, onClose: () => resolve() });
    });
    await within(3000, () => closed);
    expect(refused).toMatchObject([{ code: 'ERR_KWIK_TIMEOUT' }]);
  });

  test('timeouts.closeMs bounds the end of a session whose client does not read', async () => {
    const { server } = await harness.pair({ timeouts: { closeMs: 200 } });
    server
      .openStream({ unidirectional: true })
      .write(pattern(8_000_000))
      .catch(() => undefined);
    await within(3000, () => server.close());
  });

  test("writes.routing 'primary': one of two paths carries everything", async () => {
    const { server, client } = await harness.pair(
      { writes: { routing: 'primary' } },
      { paths: { localAddresses: ['127.0.0.2'] } },
    );
    while (server.getActivePaths().length < 2) await new Promise((resolve) => setImmediate(resolve));
    const stream = server.openStream({ unidirectional: true });
    const [accepted] = await Promise.all([client.acceptStream(), stream.write(pattern(400_000))]);
    let bytes = 0;
    while (bytes < 400_000) bytes += (await accepted.read())!.length;
    // What is late may go out again on the other.
    const first = server.getActivePaths().map(({ sentBytes, reinjectedBytes = 0 }) => sentBytes - reinjectedBytes);
    expect(first).toEqual([400_000, 0]);
  });

  test('identity.audiences: a token for another name of the server is good', async () => {
    const secondary = await harness.listen({ identity: { audiences: ['127.0.0.1:9'], serverId: 'second' } });
    const { server } = await harness.pair({}, { paths: { resolve: () => addressOf(secondary) } });
    expect(await server.addPath('127.0.0.1:9')).toMatchObject({ state: 'active', serverId: 'second' });
  });

  test('trust.names: a primary whose certificate carries none of them is not believed', async () => {
    const trust = { ca: (await developmentAuthority()).certPem, names: ['other.example'] };
    const secondary = await harness.listen({ trust });
    const { server } = await harness.pair();
    await expect(server.addPath(addressOf(secondary))).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_KWIK_TOKEN/),
    });
    const believing = await harness.listen({ trust: { ...trust, names: ['127.0.0.1'] } });
    expect(await server.addPath(addressOf(believing))).toMatchObject({ state: 'active' });
  });

  test('trust: with credentials of its own and nothing else, a listener believes nobody', async () => {
    const { certPem: cert, keyPem: key } = await developmentCertificate(['127.0.0.1']);
    const secondary = await harness.listen({ credentials: { cert, key } });
    const { server } = await harness.pair();
    await expect(server.addPath(addressOf(secondary))).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_KWIK_TOKEN/),
    });
  });

  test.each([{ maxConnectionsPerAddress: 1 }, { maxSessions: 1 }])(
    'limits %p: the second client is refused',
    async (limits) => {
      const listener = await harness.listen({
        limits,
        auth: [bearerServerAuth(() => ({ accepted: true })), noneServerAuth()],
      });
      await harness.dial(listener);
      await expect(harness.dial(listener, { timeouts: { dialMs: 1000 } })).rejects.toBeInstanceOf(Error);
      expect(listener.stats().sessions).toBe(1);
    },
  );

  test('limits.handshakesPerSecondPerAddress 0: nobody is answered', async () => {
    const listener = await harness.listen({ limits: { handshakesPerSecondPerAddress: 0 } });
    await expect(harness.dial(listener, { timeouts: { dialMs: 500 } })).rejects.toMatchObject({
      code: 'ERR_KWIK_TIMEOUT',
    });
    expect(listener.stats().bounds.initials).toBeGreaterThan(0);
  });
});
