import { randomBytes, X509Certificate } from 'node:crypto';
import { afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { PathTransport } from '@kwik/wire';
import { until } from '@kwik/testbed';
import { Connection } from '../connection/connection.js';
import { parseLongHeader } from '../packets/packet-header.js';
import { makeAuthority, type Issued, type TestAuthority } from '../test-support/certificates.js';
import { resealInitial } from '../test-support/initial-packets.js';
import { TestServer, type TransportProbe, TransportProbe as Probe } from '../test-support/peers.js';
import { Relay } from '../test-support/relay.js';
import { spkiPin } from '../tls/certificate-check.js';
import { Endpoint } from './endpoint.js';
import type { DialOptions, EndpointOptions, ServerOptions } from './options.js';
import { ProcessResources } from './process-resources.js';

jest.setTimeout(60_000);

let authority: TestAuthority;
let other: TestAuthority;
let issued: Issued;
const opened: AsyncDisposable[] = [];

beforeAll(async () => {
  authority = await makeAuthority('Authority A');
  other = await makeAuthority('Authority B');
  issued = await authority.issue();
});

afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

const EARLY = { resumption: true, earlyData: true } as const;

/** A server that answers each stream with its bytes, a relay before it, and clients that share their tickets. */
class Scene {
  /** What streams of the server have brought. */
  readonly heard: string[] = [];
  readonly resources = new ProcessResources();

  private constructor(
    readonly client: Endpoint,
    readonly relay: Relay,
    public server: TestServer,
  ) {}

  static async open(options: Partial<ServerOptions> = {}, limits: EndpointOptions['limits'] = {}): Promise<Scene> {
    const resources = new ProcessResources();
    const client = await Endpoint.bind({ resources });
    const server = await TestServer.start({ server: options, serverEndpoint: { limits } }, authority, issued);
    const relay = await Relay.create(server.port);
    const scene = new Scene(client, relay, server);
    Object.assign(scene, { resources });
    opened.push(server, relay, client);
    server.onAccepted = (probe) => scene.answer(probe);
    return scene;
  }

  /** The same address, with other settings. */
  listenAnew(options: Partial<ServerOptions>, certificate = issued): void {
    this.server.endpoint.stopListening();
    this.server.endpoint.listen({ ...certificate, ...options }, (accepted) => this.answer(new Probe(accepted)));
  }

  async dial(options: Partial<DialOptions> = EARLY): Promise<Connection> {
    const { port } = this.relay;
    const trust = { ca: authority.certPem };
    const transport = await this.client.dial({ host: '127.0.0.1', port, trust, timeoutMs: 20_000, ...options });
    if (!(transport instanceof Connection)) throw new TypeError('no connection of this driver');
    return transport;
  }

  /** A whole handshake, until the server's ticket is there. */
  async getTicket(options: Partial<DialOptions> = EARLY): Promise<void> {
    const probe = new Probe(await this.dial(options));
    await until(() => this.resources.tickets.size > 0, 20_000);
    await closed(probe);
  }

  /** Asks early, and ends the connection once it is answered. What the client said before it knew the server's connection id. */
  async askEarly(text: string): Promise<Buffer[]> {
    const { relay } = this;
    relay.up.length = 0;
    const { probe, answer } = ask(await this.dial(), text);
    await expect(answer).resolves.toBe(`re: ${text}`);
    await closed(probe);
    return relay.up.filter((datagram) => isInitial(datagram) || isEarly(datagram));
  }

  /** Has a handshake wait at the server until what this returns is called. */
  async halfOpen(): Promise<() => Promise<void>> {
    const relay = await Relay.create(this.server.port);
    const client = await Endpoint.bind();
    opened.push(relay, client);
    relay.held = [];
    const trust = { ca: authority.certPem };
    const dialled = client.dial({ host: '127.0.0.1', port: relay.port, trust, timeoutMs: 20_000 });
    await until(() => this.server.endpoint.stats().halfOpen === 1, 20_000);
    return async () => {
      relay.release();
      await closed(new Probe(await dialled));
    };
  }

  /** Sends these from elsewhere; the server answers, and `halfOpen` handshakes are left that bring nothing. */
  async expectNothingOf(datagrams: readonly Uint8Array[], halfOpen: number): Promise<void> {
    const { endpoint } = this.server;
    const thief = await Relay.create(this.server.port);
    opened.push(thief);
    thief.held = [];
    const before = endpoint.stats().datagramsReceived;
    for (const datagram of datagrams) thief.toServer(datagram);
    await until(
      () => thief.held!.length > 0 && endpoint.stats().datagramsReceived >= before + datagrams.length,
      20_000,
    );
    // By the time that another one is answered, what came before it has been seen to.
    await expect(ask(await this.dial({}), 'after').answer).resolves.toBe('re: after');
    expect(endpoint.stats().halfOpen).toBeGreaterThanOrEqual(halfOpen);
  }

  private answer(probe: TransportProbe): void {
    probe.onStreamProbe = (stream) => {
      void stream.ended.promise.then(() => {
        const text = stream.received().toString();
        this.heard.push(text);
        stream.stream.write(Buffer.from(`re: ${text}`));
        stream.stream.end();
      });
    };
  }
}

async function closed(probe: TransportProbe): Promise<void> {
  probe.transport.close(0, '');
  await probe.closed.promise;
}

function ask(transport: PathTransport, text: string): { probe: TransportProbe; answer: Promise<string> } {
  const probe = new Probe(transport);
  const stream = probe.open();
  stream.stream.write(Buffer.from(text));
  stream.stream.end();
  return { probe, answer: stream.ended.promise.then(() => stream.received().toString()) };
}

function isEarly(datagram: Uint8Array): boolean {
  return parseLongHeader(datagram)?.type === '0rtt';
}

function isInitial(datagram: Uint8Array): boolean {
  return parseLongHeader(datagram)?.type === 'initial';
}

function destinationOf(datagram: Buffer): string | undefined {
  const header = parseLongHeader(datagram);
  return header && Buffer.from(header.destinationId).toString('hex');
}

function padded(datagram: Buffer): Buffer {
  return Buffer.concat([datagram, Buffer.alloc(Math.max(0, 1200 - datagram.length))]);
}

describe('a session that is resumed', () => {
  test('takes no new certificate, and the one of before is checked all the same', async () => {
    const scene = await Scene.open();
    await scene.getTicket({ resumption: true });
    const transport = await scene.dial({ resumption: true });
    expect(transport.backend.resumed()).toBe(true);
    expect(transport.peerCertificates).toEqual([new Uint8Array(new X509Certificate(issued.certPem).raw)]);
    expect(transport.channelBinding).toHaveLength(32);
    await expect(ask(transport, 'hello').answer).resolves.toBe('re: hello');
    expect(scene.heard).toEqual(['hello']);
  });

  test('is one only where it was asked for, and each ticket is used once', async () => {
    const scene = await Scene.open();
    await scene.getTicket();
    const plain = await scene.dial({});
    expect(plain.backend.resumed()).toBe(false);
    expect(scene.resources.tickets.size).toBe(1);
    const [first, second] = await Promise.all([scene.dial({ resumption: true }), scene.dial({ resumption: true })]);
    expect([first.backend.resumed(), second.backend.resumed()].filter(Boolean)).toHaveLength(1);
  });

  test.each([
    ['another authority', () => ({ trust: { ca: other.certPem } }), /does not lead to any trusted authority/],
    ['another name', () => ({ serverName: 'elsewhere.example' }), /not for "elsewhere.example"/],
    [
      'another pin',
      () => ({ trust: { ca: authority.certPem, pins: [spkiPin(new X509Certificate(other.certPem))] } }),
      /has the pin/,
    ],
  ])('is none where the client trusts otherwise: %s', async (_, how, message) => {
    const scene = await Scene.open({ earlyData: true });
    await scene.getTicket();
    await expect(scene.dial({ ...EARLY, ...how() })).rejects.toMatchObject({
      code: 'ERR_KWIK_CERTIFICATE',
      message: expect.stringMatching(message),
    });
    expect(scene.resources.tickets.size).toBe(1);
  });

  test('is none once the server has another certificate, nor where it asks for one of the client', async () => {
    const scene = await Scene.open();
    await scene.getTicket({ resumption: true });
    scene.listenAnew({}, await authority.issue());
    const renewed = await scene.dial({ resumption: true });
    expect(renewed.backend.resumed()).toBe(false);
    await until(() => scene.resources.tickets.size > 0, 20_000);
    scene.listenAnew({ clientCa: authority.certPem });
    const asked = await scene.dial({ resumption: true });
    expect(asked.backend.resumed()).toBe(false);
    await until(() => scene.resources.tickets.size > 0, 20_000);
    const again = await scene.dial({ resumption: true });
    expect(again.backend.resumed()).toBe(false);
    await expect(ask(again, 'hello').answer).resolves.toBe('re: hello');
  });

  test('is none for a client that shows a certificate', async () => {
    const scene = await Scene.open();
    const certificate = await authority.issue({ usage: 'client' });
    const transport = await scene.dial({ ...EARLY, certificate });
    await expect(ask(transport, 'hello').answer).resolves.toBe('re: hello');
    expect(scene.resources.tickets.size).toBe(0);
  });
});

describe('what is written early', () => {
  test('is answered although the server hears nothing of the client after its first flight', async () => {
    const scene = await Scene.open({ earlyData: true });
    await scene.getTicket();
    const { relay } = scene;
    // What the server says reaches the client after its first flight, which is then the last of it that comes through.
    relay.held = [];
    relay.up.length = 0;
    const { answer } = ask(await scene.dial(), 'question');
    await until(() => relay.up.some(isEarly) && scene.heard.length > 0, 20_000);
    relay.losesUp = () => true;
    relay.release();
    await expect(answer).resolves.toBe('re: question');
    relay.losesUp = undefined;
  });

  test('needs another round trip without a ticket: nothing comes through after the first flight', async () => {
    const scene = await Scene.open({ earlyData: true });
    const { relay } = scene;
    relay.losesUp = () => relay.down.length > 0;
    const { answer } = ask(await scene.dial(), 'question');
    // Three of the client's flights are lost; that is enough for it to have said all that it can.
    await until(() => relay.up.length > 4, 20_000);
    expect(scene.heard).toEqual([]);
    relay.losesUp = undefined;
    await expect(answer).resolves.toBe('re: question');
  });

  test.each([
    ['takes none', {}],
    ['has another key', { earlyData: true }],
  ])('comes once, after the handshake, to a server that %s', async (_, after) => {
    const scene = await Scene.open({ earlyData: true });
    await scene.getTicket();
    scene.listenAnew(after);
    scene.relay.up.length = 0;
    const transport = await scene.dial();
    expect(transport.halfOpen).toBe(true);
    await expect(ask(transport, 'question').answer).resolves.toBe('re: question');
    await expect(transport.answered).resolves.toBe(true);
    expect(scene.relay.up.some(isEarly)).toBe(true);
    expect(transport.halfOpen).toBe(false);
    expect(scene.heard).toEqual(['question']);
  });

  test('to a server that has another certificate now ends the connection, and is heard by nobody', async () => {
    const scene = await Scene.open({ earlyData: true });
    await scene.getTicket();
    scene.listenAnew({ earlyData: true }, await authority.issue());
    const { probe } = ask(await scene.dial(), 'question');
    await expect(probe.closed.promise).resolves.toMatchObject({
      error: { code: 'ERR_KWIK_CONNECT_FAILED', message: expect.stringContaining('changed its certificate') },
    });
    await expect(ask(await scene.dial(), 'again').answer).resolves.toBe('re: again');
    expect(scene.heard).toEqual(['again']);
  });

  test('to a server that is none of the trusted any more ends the connection, and nothing it says is heard', async () => {
    const scene = await Scene.open({ earlyData: true });
    await scene.getTicket();
    scene.listenAnew({ earlyData: true }, await other.issue());
    const { probe } = ask(await scene.dial(), 'question');
    await expect(probe.closed.promise).resolves.toMatchObject({ error: { code: 'ERR_KWIK_CERTIFICATE' } });
    expect(probe.streams).toEqual([]);
    expect(scene.heard).toEqual([]);
  });

  test('is taken once: a first flight that is sent again brings nothing', async () => {
    const scene = await Scene.open({ earlyData: true });
    await scene.getTicket();
    await scene.expectNothingOf(await scene.askEarly('question'), 1);
    expect(scene.heard).toEqual(['question', 'after']);
  });

  // Whose Initial packet may go to any id, for its keys are everybody's; the packets with what came early have theirs.
  test.each([
    ['with the ClientHello', (hello: Buffer, early: Buffer[]) => [Buffer.concat([hello, ...early])]],
    ['after the ClientHello', (hello: Buffer, early: Buffer[]) => [hello, Buffer.concat([hello, ...early])]],
  ])('is taken once: it is ignored behind a ClientHello under another id, in a datagram %s', async (_, make) => {
    const scene = await Scene.open({ earlyData: true });
    await scene.getTicket();
    const flight = await scene.askEarly('question');
    const early = flight.filter(isEarly);
    const hello = resealInitial(flight.find(isInitial)!, { destinationId: randomBytes(16) });
    const datagrams = make(hello, early).map(padded);
    await scene.expectNothingOf(datagrams, 1);
    expect(scene.heard).toEqual(['question', 'after']);
  });

  test('is taken once after a Retry, too: neither what came before it nor what came after it is done again', async () => {
    const scene = await Scene.open({ earlyData: true }, { retryThreshold: 1 });
    await scene.getTicket();
    const { endpoint } = scene.server;
    await until(() => endpoint.stats().connections === 0, 20_000);
    const end = await scene.halfOpen();
    const flight = await scene.askEarly('question');
    expect(endpoint.stats().retriesSent).toBe(1);
    await end();
    await until(() => endpoint.stats().connections === 0, 20_000);
    const ids = new Set(flight.filter(isInitial).map(destinationOf));
    expect(ids.size).toBe(2);
    for (const id of ids) {
      const copies = flight.filter((datagram) => destinationOf(datagram) === id);
      await scene.expectNothingOf(copies, 0);
    }
    expect(scene.heard).toEqual(['question', 'after', 'after']);
  });

  test('waits for an answer where the name has several addresses, of which one may be dead', async () => {
    const scene = await Scene.open({ earlyData: true });
    await scene.getTicket();
    const lookup = () => Promise.resolve(['127.0.0.1', '127.0.0.2']);
    const client = await Endpoint.bind({ resources: scene.resources, lookup });
    opened.push(client);
    const trust = { ca: authority.certPem };
    const to = { host: 'several.example', serverName: '127.0.0.1', port: scene.relay.port, trust, timeoutMs: 20_000 };
    const transport = await client.dial({ ...to, ...EARLY });
    expect(transport).toMatchObject({ halfOpen: false });
    expect(transport.answered).toBeUndefined();
    await expect(ask(transport, 'question').answer).resolves.toBe('re: question');
  });

  test('to a port where nobody listens any more is refused in words', async () => {
    const scene = await Scene.open({ earlyData: true });
    const host = { host: '127.0.0.1', port: scene.server.port };
    await scene.getTicket({ ...EARLY, ...host });
    await scene.server.endpoint.close();
    const transport = await scene.dial({ ...EARLY, ...host, timeoutMs: 5000 });
    const { probe } = ask(transport, 'question');
    await expect(transport.answered).resolves.toBe(false);
    await expect(probe.closed.promise).resolves.toMatchObject({
      error: { code: 'ERR_KWIK_CONNECT_FAILED', message: expect.stringContaining('nobody listens') },
    });
  });
});
