import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { afterEach, describe, expect, test } from '@jest/globals';
import { KwikError } from '@kwik/wire';
import { Link, pause, until } from '@kwik/testbed';
import {
  connectedPair,
  deferred,
  type Pair,
  type PairOptions,
  TestServer,
  TransportProbe,
} from '../test-support/peers.js';
import { Endpoint } from './endpoint.js';

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
});

async function makePair(options: PairOptions = {}): Promise<Pair> {
  const pair = await connectedPair(options);
  open.push({ close: () => pair[Symbol.asyncDispose]() });
  return pair;
}

async function startServer(options: PairOptions = {}): Promise<TestServer> {
  const server = await TestServer.start(options);
  open.push(server.endpoint);
  return server;
}

async function bindClient(): Promise<Endpoint> {
  const endpoint = await Endpoint.bind();
  open.push(endpoint);
  return endpoint;
}

async function rawSocket(): Promise<Socket> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  open.push(socket);
  return socket;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'none';
  } catch (error) {
    return KwikError.from(error).code;
  }
}

describe('hostile and broken packets', () => {
  test('garbage by the thousand neither disturbs a transfer nor costs connections', async () => {
    const pair = await makePair();
    const socket = await rawSocket();
    const { port } = pair.server;
    const payload = randomBytes(2_000_000);
    const outgoing = pair.client.open(true);
    void outgoing.send(payload);
    for (let i = 0; i < 5_000; i += 1) {
      const junk = randomBytes(1 + ((i * 37) % 1400));
      // Every form: short, long, long of version 1, and a well-formed first packet with nonsense in it.
      if (i % 4 === 1) junk[0] = (junk[0] ?? 0) | 0xc0;
      if (i % 4 === 2 && junk.length > 6) junk.set([0xc0, 0, 0, 0, 1, 8]);
      if (i % 4 === 3) junk[0] = 0x40;
      socket.send(junk, port, '127.0.0.1');
      if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const incoming = await pair.accepted.nextStream();
    await incoming.ended.promise;
    expect(Buffer.compare(incoming.received(), payload)).toBe(0);
    const stats = pair.server.endpoint.stats();
    // What looked like a first packet and was none has a turn of its own, in which it ends.
    await until(() => pair.server.endpoint.stats().connections === 1);
    expect(Object.values(stats.dropped).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(1_000);
  }, 30_000);

  test('a first packet of an unknown version is told the versions; a small one gets nothing', async () => {
    const server = await startServer();
    const socket = await rawSocket();
    const answers: Buffer[] = [];
    socket.on('message', (message) => answers.push(message));
    const [dcid, scid] = [randomBytes(8), randomBytes(5)];
    const hello = (bytes: number): Buffer =>
      Buffer.concat([
        Buffer.from([0xc0, 0x0a, 0x1a, 0x2a, 0x3a, dcid.length]),
        dcid,
        Buffer.from([scid.length]),
        scid,
        Buffer.alloc(bytes - 7 - dcid.length - scid.length),
      ]);
    socket.send(hello(1199), server.port, '127.0.0.1');
    socket.send(hello(1200), server.port, '127.0.0.1');
    await until(() => answers.length > 0);
    const [answer] = answers;
    expect(answers).toHaveLength(1);
    // RFC 9000, section 17.2.1: version 0, ids swapped, then versions; 1 is among them.
    expect(answer?.readUInt32BE(1)).toBe(0);
    expect(answer?.subarray(6, 6 + scid.length).equals(scid)).toBe(true);
    expect(answer?.subarray(7 + scid.length, 7 + scid.length + dcid.length).equals(dcid)).toBe(true);
    const versions = answer?.subarray(7 + scid.length + dcid.length) ?? Buffer.alloc(0);
    const listed = Array.from({ length: versions.length / 4 }, (_, i) => versions.readUInt32BE(4 * i));
    expect(listed).toContain(1);
    expect(server.endpoint.stats()).toMatchObject({ versionNegotiationsSent: 1, dropped: { smallInitial: 1 } });
  });

  test('packets of a connection from another address are dropped', async () => {
    const pair = await makePair();
    const thief = await rawSocket();
    const relay = await rawSocket();
    // Learns a connection id of the server by standing in between.
    const seen = deferred<Buffer>();
    const back = new Map<string, number>();
    relay.on('message', (message, from) => {
      const fromServer = from.port === pair.server.port;
      if (!fromServer) back.set('client', from.port);
      if (!fromServer && ((message[0] ?? 0) & 0x80) === 0) seen.resolve(message);
      relay.send(message, fromServer ? (back.get('client') ?? 0) : pair.server.port, '127.0.0.1');
    });
    const client = await bindClient();
    const probe = new TransportProbe(
      await client.dial(pair.server.dialOptions({ dial: { port: relay.address().port } })),
    );
    void probe.open(true).send(randomBytes(10));
    thief.send(await seen.promise, pair.server.port, '127.0.0.1');
    await until(() => pair.server.endpoint.stats().dropped.wrongAddress > 0);
    expect(probe.closeCalls).toBe(0);
  });
});

describe('proof of address', () => {
  test('retry always: clients get in, after one round trip more', async () => {
    const server = await startServer({ server: { retry: 'always' } });
    const client = await bindClient();
    const beganMs = performance.now();
    const probe = new TransportProbe(await client.dial(server.dialOptions()));
    // The probe timeout of a first packet is a second (RFC 9002, section 6.2.2).
    expect(performance.now() - beganMs).toBeLessThan(900);
    const accepted = await server.nextConnection();
    void probe.open(true).send(Buffer.from('proven'));
    const incoming = await accepted.nextStream();
    await incoming.ended.promise;
    expect(incoming.received().toString()).toBe('proven');
    expect(server.endpoint.stats()).toMatchObject({ retriesSent: 1, accepted: 1, dropped: { badToken: 0 } });
  });
});

describe('limits', () => {
  test('a full server says so, and has room again when one leaves', async () => {
    const server = await startServer({ serverEndpoint: { limits: { maxConnectionsPerAddress: 2 } } });
    const client = await bindClient();
    const first = new TransportProbe(await client.dial(server.dialOptions()));
    await client.dial(server.dialOptions());
    expect(await codeOf(client.dial(server.dialOptions()))).toBe('ERR_KWIK_CONNECTION_REFUSED');
    expect(server.endpoint.stats().refused).toBeGreaterThan(0);
    first.transport.close(0, '');
    await until(() => server.endpoint.stats().connections < 2);
    expect(await codeOf(client.dial(server.dialOptions()))).toBe('none');
  });

  test('attempts beyond the rate of an address are not answered', async () => {
    const limits = { initialsPerSecondPerAddress: 1, initialsBurstPerAddress: 3 };
    const server = await startServer({ serverEndpoint: { limits } });
    const client = await bindClient();
    const options = server.dialOptions({ dial: { timeoutMs: 400 } });
    const codes = await Promise.all(Array.from({ length: 6 }, () => codeOf(client.dial(options))));
    expect(codes.filter((code) => code === 'none').length).toBeLessThanOrEqual(4);
    expect(codes.filter((code) => code === 'ERR_KWIK_TIMEOUT').length).toBeGreaterThanOrEqual(2);
    expect(server.endpoint.stats().dropped.rate).toBeGreaterThan(0);
  });

  test('an endpoint that is full dials no more', async () => {
    const server = await startServer();
    const client = await Endpoint.bind({ limits: { maxConnections: 1 } });
    open.push(client);
    await client.dial(server.dialOptions());
    expect(await codeOf(client.dial(server.dialOptions()))).toBe('ERR_KWIK_LIMIT_EXCEEDED');
  });

  test('200 connections at once each carry their own bytes', async () => {
    const server = await startServer();
    server.onAccepted = (probe) => {
      probe.onStreamProbe = (stream) => void stream.ended.promise.then(() => stream.send(stream.received()));
    };
    const client = await bindClient();
    const echoes = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const probe = new TransportProbe(await client.dial(server.dialOptions({ dial: { timeoutMs: 20_000 } })));
        const stream = probe.open();
        await stream.send(Buffer.from(`connection ${i}`));
        await stream.ended.promise;
        return stream.received().toString();
      }),
    );
    expect(echoes).toEqual(Array.from({ length: 200 }, (_, i) => `connection ${i}`));
    expect(server.endpoint.stats()).toMatchObject({ connections: 200, accepted: 200, halfOpen: 0 });
  }, 40_000);
});

describe('slow readers', () => {
  test('bound what the writer can put into memory, at both ends', async () => {
    const window = 256 * 1024;
    const pair = await makePair({ transport: { streamWindowBytes: window, connectionWindowBytes: window } });
    pair.accepted.onStreamProbe = (probe) => probe.stream.pause();
    const outgoing = pair.client.open(true);
    let written = 0;
    const chunk = new Uint8Array(64 * 1024);
    const giveUp = performance.now() + 1_000;
    while (performance.now() < giveUp) {
      written += outgoing.stream.write(chunk);
      await new Promise((resolve) => setImmediate(resolve));
    }
    // What the peer allows, plus what the writer's connection holds for it.
    expect(written).toBeLessThanOrEqual(window + 1_200_000);
    const held = written;
    expect(pair.client.transport.stats().unsentBytes).toBeGreaterThan(held - 2 * window);
    const [incoming] = pair.accepted.streams;
    incoming?.stream.resume();
    await until(() => incoming?.bytes === held);
    await until(() => outgoing.writableCalls > 0);
  }, 20_000);

  test('go on where they stopped, over a path long enough to be paced', async () => {
    const window = 256 * 1024;
    const transport = { streamWindowBytes: window, connectionWindowBytes: window };
    const server = await startServer({ transport });
    const target = { host: '127.0.0.1', port: server.port };
    const link = await Link.create({ target, both: { delayMs: 5 } });
    open.push(link);
    const client = await bindClient();
    const probe = new TransportProbe(await client.dial(server.dialOptions({ dial: { port: link.port }, transport })));
    const accepted = await server.nextConnection();
    accepted.onStreamProbe = (stream) => stream.stream.pause();
    const outgoing = probe.open(true);
    const sent = outgoing.send(new Uint8Array(1_500_000));
    const incoming = await accepted.nextStream();
    // What else is written gives the connection turns, in which it measures that nothing moves.
    const chatter = probe.open(true);
    for (let i = 0; i < 150; i++) {
      chatter.stream.write(new Uint8Array(1));
      await pause(5);
    }
    expect(incoming.bytes).toBe(0);
    incoming.stream.resume();
    await until(() => incoming.bytes === 1_500_000, 5_000);
    await sent;
  }, 20_000);
});

describe('ends', () => {
  test('a peer that vanishes is noticed at the idle timeout', async () => {
    const server = await startServer({ transport: { idleTimeoutMs: 500 } });
    const link = await Link.create({ target: { host: '127.0.0.1', port: server.port } });
    open.push(link);
    const client = await bindClient();
    const options = server.dialOptions({ dial: { port: link.port }, transport: { idleTimeoutMs: 500 } });
    const probe = new TransportProbe(await client.dial(options));
    const accepted = await server.nextConnection();
    link.cut();
    const [near, far] = await Promise.all([probe.closed.promise, accepted.closed.promise]);
    expect(near).toMatchObject({ by: 'idle', error: { code: 'ERR_KWIK_IDLE_TIMEOUT' } });
    expect(far.by).toBe('idle');
    await until(() => server.endpoint.stats().connections === 0 && client.stats().connections === 0);
  }, 20_000);

  test('a restarted server with the same reset key tells its old peers at once', async () => {
    const resetKey = randomBytes(32);
    const server = await startServer({ serverEndpoint: { resetKey } });
    const relay = await Link.create({ target: { host: '127.0.0.1', port: server.port } });
    open.push(relay);
    const client = await bindClient();
    const probe = new TransportProbe(await client.dial(server.dialOptions({ dial: { port: relay.port } })));
    await server.nextConnection();
    // The close frames of the old life are lost, as in a crash.
    relay.cut();
    await server.endpoint.close();
    await until(() => relay.stats().down.dropped.cut > 0);
    const second = await TestServer.start(
      { serverEndpoint: { resetKey, port: server.port } },
      server.authority,
      server.issued,
    );
    open.push(second.endpoint);
    relay.heal();
    void probe.open(true).send(randomBytes(5_000));
    const info = await probe.closed.promise;
    expect(info).toMatchObject({ by: 'error', error: { code: 'ERR_KWIK_PATH_DEAD' } });
    expect(second.endpoint.stats().resetsSent).toBeGreaterThan(0);
  }, 20_000);

  test('a handler that throws closes its connection, not the process, and not others', async () => {
    const pair = await makePair();
    const other = new TransportProbe(await pair.clientEndpoint.dial(pair.server.dialOptions()));
    const otherAccepted = await pair.server.nextConnection();
    pair.accepted.onStreamProbe = () => {
      throw new Error('a bug in the application');
    };
    void pair.client.open(true).send(randomBytes(10));
    const near = await pair.accepted.closed.promise;
    expect(near).toMatchObject({ by: 'error', error: { code: 'ERR_KWIK_INTERNAL' } });
    expect((await pair.client.closed.promise).by).toBe('peer');
    expect(pair.server.endpoint.stats().handlerErrors).toBe(1);
    void other.open(true).send(Buffer.from('still here'));
    const incoming = await otherAccepted.nextStream();
    await incoming.ended.promise;
    expect(incoming.received().toString()).toBe('still here');
  });

  test('closing an endpoint closes its connections with a word, ends dials, and lets nothing new begin', async () => {
    const pair = await makePair();
    const silent = await rawSocket();
    const dialling = codeOf(
      pair.clientEndpoint.dial(pair.server.dialOptions({ dial: { port: silent.address().port } })),
    );
    await new Promise((resolve) => setImmediate(resolve));
    await pair.clientEndpoint.close();
    expect(await dialling).toBe('ERR_KWIK_ABORTED');
    expect(await pair.accepted.closed.promise).toMatchObject({
      by: 'peer',
      code: 0,
      reason: 'the endpoint was closed',
    });
    expect(pair.client.closeCalls).toBe(1);
    expect(await codeOf(pair.clientEndpoint.dial(pair.server.dialOptions()))).toBe('ERR_KWIK_INVALID_STATE');
    await pair.clientEndpoint.close();
  });

  test('an address or port that cannot be had is refused in plain words', async () => {
    const endpoint = await bindClient();
    const taken = Endpoint.bind({ port: endpoint.address().port });
    await expect(taken).rejects.toMatchObject({ code: 'ERR_KWIK_INVALID_ARGUMENT', message: /another program has it/ });
    const foreign = Endpoint.bind({ host: '203.0.113.7' });
    await expect(foreign).rejects.toMatchObject({ message: /no such address/ });
  });
});

describe('addresses', () => {
  test('one endpoint dials itself: it listens and dials on one socket', async () => {
    const server = await startServer();
    const probe = new TransportProbe(await server.endpoint.dial(server.dialOptions()));
    void probe.open(true).send(Buffer.from('self'));
    const accepted = await server.nextConnection();
    const incoming = await accepted.nextStream();
    await incoming.ended.promise;
    expect(incoming.received().toString()).toBe('self');
  });

  test('names are resolved; IPv6 works; another local address gets its own socket', async () => {
    const server = await startServer();
    const client = await bindClient();
    await client.dial(server.dialOptions({ dial: { host: 'localhost' } }));
    const probe = new TransportProbe(await client.dial(server.dialOptions({ dial: { localAddress: '127.0.0.2' } })));
    expect(probe.transport.local.address).toBe('127.0.0.2');
    const six = await startServer({ serverEndpoint: { host: '::1' } });
    const sixClient = await Endpoint.bind({ host: '::' });
    open.push(sixClient);
    const overSix = await sixClient.dial(six.dialOptions({ dial: { host: '::1' } }));
    expect(overSix.remote).toMatchObject({ address: '::1', family: 'IPv6' });
    const mapped = await sixClient.dial(server.dialOptions());
    expect(mapped.remote.address).toBe('::ffff:127.0.0.1');
    expect(await codeOf(client.dial(six.dialOptions({ dial: { host: '::1' } })))).toBe('ERR_KWIK_CONNECT_FAILED');
  });
});
