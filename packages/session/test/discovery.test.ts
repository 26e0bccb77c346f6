import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import {
  createDiscovery,
  staticList,
  type DiscoverySource,
  type ListedServer,
  type OwnDiscovery,
} from '@kwik/discovery';
import { dial, keepDiscoveredPaths, type ServerSession } from '@kwik/session';
import { until } from '@kwik/testbed';
import { Harness } from './harness.js';

/** For machines that do much else at the time. */
jest.setTimeout(60_000);

let harness: Harness;
let discovery: OwnDiscovery | undefined;
const silent: Socket[] = [];
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(async () => {
  discovery?.close();
  for (const socket of silent.splice(0)) socket.close();
  await harness.close();
});

/** The address of a machine that takes everything and says nothing. */
async function silentAddress(): Promise<string> {
  const socket = createSocket('udp4');
  silent.push(socket);
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return `127.0.0.1:${socket.address().port}`;
}

async function serverAddress(): Promise<string> {
  const listener = await harness.listen();
  return `127.0.0.1:${listener.address().port}`;
}

describe('dial of a service', () => {
  test('finds a server by the name of its service', async () => {
    const address = await serverAddress();
    discovery = createDiscovery({ sources: [staticList([{ serverId: 'one', addresses: [address] }])] });
    const session = await dial('kwik:files', { discovery });
    expect(session.getActivePaths().map((path) => path.address)).toEqual([address]);
    await session.close();
  });

  test('servers that say nothing cost a quarter of a second each, and are remembered', async () => {
    const dead = [await silentAddress(), await silentAddress()];
    const address = await serverAddress();
    // The silent ones are the nearest, so they are begun at first.
    discovery = createDiscovery({
      sources: [staticList([...dead.map((one) => ({ addresses: [one], zone: 'here' })), { addresses: [address] }])],
      policy: { zone: 'here' },
    });
    const startMs = performance.now();
    const session = await dial('kwik:files', { discovery });
    // A dial that is given up takes ten seconds.
    expect(performance.now() - startMs).toBeLessThan(9000);
    expect(session.getActivePaths().map((path) => path.address)).toEqual([address]);
    await session.close();
  });

  test('a server that drains, or has not the capability, is not dialled, and the error says so', async () => {
    const addresses = [await serverAddress(), await serverAddress()];
    discovery = createDiscovery({
      sources: [
        staticList([
          { serverId: 'draining', addresses: [addresses[0]!], accepting: false },
          { serverId: 'mere-relay', addresses: [addresses[1]!], capabilities: ['relay'] },
        ]),
      ],
    });
    await expect(dial('kwik:files', { discovery })).rejects.toMatchObject({
      code: 'ERR_KWIK_CONNECT_FAILED',
      message: expect.stringMatching(/draining: drains.*mere-relay: has not the capability primary/),
    });
  });

  test('of several servers that answer one session is kept; the others are closed', async () => {
    const listeners = [await harness.listen(), await harness.listen()];
    discovery = createDiscovery({
      sources: [staticList(listeners.map((one) => `127.0.0.1:${one.address().port}`))],
    });
    const session = await dial('kwik:files', { discovery });
    await until(() => listeners.reduce((sum, one) => sum + one.stats().sessions, 0) === 1);
    await session.close();
  });

  test('a pin of discovery is a further condition', async () => {
    const address = await serverAddress();
    discovery = createDiscovery({ sources: [staticList([{ addresses: [address], pin: 'a1'.repeat(32) }])] });
    await expect(dial('kwik:files', { discovery })).rejects.toMatchObject({ message: expect.stringMatching(/pin/) });
  });

  test('is given up by its signal, while it looks for servers, too', async () => {
    const source = {
      name: 'slow',
      async *watch(signal: AbortSignal) {
        await once(signal, 'abort');
        yield { servers: [] };
      },
    };
    discovery = createDiscovery({ sources: [source] });
    const controller = new AbortController();
    const dialled = dial('kwik:files', { discovery, signal: controller.signal });
    controller.abort();
    await expect(dialled).rejects.toMatchObject({ code: 'ERR_KWIK_ABORTED' });
  });

  test('without discovery, says what is missing; a host that is called kwik stays a host', async () => {
    await expect(dial('kwik:files')).rejects.toMatchObject({ message: expect.stringMatching(/option discovery/) });
    await expect(dial('kwik:4433', { timeouts: { dialMs: 50 } })).rejects.not.toMatchObject({
      code: 'ERR_KWIK_INVALID_ARGUMENT',
    });
  });
});

/** A list of servers that a test changes. */
class ChangingList implements DiscoverySource {
  readonly name = 'changing';
  #servers: readonly ListedServer[];
  #wake: () => void = () => undefined;

  constructor(servers: readonly ListedServer[]) {
    this.#servers = servers;
  }

  set(servers: readonly ListedServer[]): void {
    this.#servers = servers;
    this.#wake();
  }

  async *watch(signal: AbortSignal) {
    while (!signal.aborted) {
      const changed = new Promise<void>((resolve) => (this.#wake = resolve));
      yield* first(staticList(this.#servers));
      await changed;
    }
  }
}

async function* first(source: DiscoverySource) {
  for await (const snapshot of source.watch(new AbortController().signal)) {
    yield snapshot;
    return;
  }
}

function activeOthers(session: ServerSession): string[] {
  return session.getActivePaths().flatMap(({ address, id }) => (id === 0 ? [] : [address]));
}

describe('the paths of a primary', () => {
  const replica = (address: string, more = {}): ListedServer => ({
    addresses: [address],
    capabilities: ['replica'],
    ...more,
  });

  test('come from discovery; a server that is lost is replaced, one that drains after its replacement is there', async () => {
    const listeners = [await harness.listen(), await harness.listen(), await harness.listen(), await harness.listen()];
    const addresses = listeners.map((one) => `127.0.0.1:${one.address().port}`);
    const list = new ChangingList([replica(addresses[0]!), replica(addresses[1]!)]);
    discovery = createDiscovery({ sources: [list] });
    const { server, client } = await harness.pair();
    const end = keepDiscoveredPaths(server, discovery.service('films'), { count: 2 });
    await until(() => activeOthers(server).length === 2);
    list.set([replica(addresses[0]!), replica(addresses[1]!), replica(addresses[2]!)]);
    await listeners[0]!.close({ force: true });
    const lostMs = performance.now();
    await until(() => activeOthers(server).sort().join() === [addresses[1], addresses[2]].sort().join());
    expect(performance.now() - lostMs).toBeLessThan(5000);
    list.set([replica(addresses[1]!, { accepting: false }), replica(addresses[2]!), replica(addresses[3]!)]);
    await until(() => activeOthers(server).sort().join() === [addresses[2], addresses[3]].sort().join());
    end();
    await client.close();
  });

  test('none suitable: the session goes on over one path, and it is said once (V2.5)', async () => {
    discovery = createDiscovery({
      sources: [staticList([{ serverId: 'far', addresses: ['127.0.0.1:1'], capabilities: ['relay'] }])],
    });
    const { server, client } = await harness.pair();
    const said: string[] = [];
    const onShort = (reason: string) => {
      said.push(reason);
      throw new Error('of the application');
    };
    keepDiscoveredPaths(server, discovery.service('films'), { count: 2, onShort });
    await until(() => said.length === 1);
    expect(said[0]).toMatch(/goes on over a single path.*far: has not the capability replica/);
    const stream = client.openStream();
    await stream.write('still here');
    expect(Buffer.from((await (await server.acceptStream()).read())!).toString()).toBe('still here');
    expect(said).toHaveLength(1);
  });

  test('all servers gone: others are looked for, and those that come are taken (V7.2)', async () => {
    const gone = await silentAddress();
    const list = new ChangingList([replica(gone)]);
    discovery = createDiscovery({ sources: [list] });
    const { server } = await harness.pair({}, { timeouts: { handshakeMs: 500 } });
    keepDiscoveredPaths(server, discovery.service('films'), { count: 1 });
    const address = await serverAddress();
    list.set([replica(gone), replica(address)]);
    await until(() => activeOthers(server).join() === address);
  });
});
