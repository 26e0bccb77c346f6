import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createDiscovery, staticList, type OwnDiscovery } from '@kwik/discovery';
import { dial } from '@kwik/session';
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
    expect(performance.now() - startMs).toBeLessThan(2500);
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
