import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { describeDatagramSocketContract, SocketProbe } from '../test-support/datagram-socket-contract.js';
import { BatchedSocket } from './batched-socket.js';
import { EachAddressSocket } from './each-address-socket.js';
import { loadSystemCalls } from './system-calls.js';

const calls = loadSystemCalls();
/** Where there are no such calls a socket answers as the system chooses. */
const describeOnLinux: (name: string, tests: () => void) => void =
  calls === undefined ? () => undefined : (name, tests) => describe(name, tests);

const closers: (() => unknown)[] = [];
afterEach(async () => {
  jest.useRealTimers();
  for (const close of closers.splice(0).reverse()) await close();
});

function bindAt(address: string, port: number, options = {}): BatchedSocket {
  const socket = BatchedSocket.bind(address, port, calls!, options);
  if (socket === undefined) throw new Error('no socket can be made');
  return socket;
}

/** On all addresses, of which it is told these. */
function onAll(addresses: () => readonly string[], host = '0.0.0.0', shared = false, port = 0) {
  const any = bindAt(host, port, { shared });
  const socket = new EachAddressSocket({
    any,
    shared,
    addresses,
    bindAt: (address) => bindAt(address, any.address.port, { shared: true, tells: true }),
  });
  closers.push(() => socket.close());
  return new SocketProbe(socket);
}

/** A client at 127.0.0.1 that hears its server alone, as those do that have dialled an address. */
async function clientOf(address: string, port: number): Promise<Socket> {
  const client = createSocket('udp4');
  closers.push(() => client.close());
  client.bind(0, '127.0.0.1');
  await once(client, 'listening');
  client.connect(port, address);
  await once(client, 'connect');
  return client;
}

async function answerOf(client: Socket): Promise<string> {
  const [message] = (await once(client, 'message')) as [Buffer, RemoteInfo];
  return message.toString();
}

describeOnLinux('a socket on all addresses', () => {
  describeDatagramSocketContract('on all addresses, of which none has a socket of its own', (host, port = 0) => {
    const socket = new EachAddressSocket({
      any: bindAt(host, port),
      shared: false,
      addresses: () => [],
      bindAt: () => undefined,
    });
    socket.answerFromEach();
    return socket;
  });

  test('answers from the address that was asked, by the batch and alone', async () => {
    const probe = onAll(() => ['127.0.0.1', '127.0.0.2']);
    const { socket } = probe;
    socket.answerFromEach();
    const { port } = socket.address;
    for (const address of ['127.0.0.2', '127.0.0.1']) {
      const client = await clientOf(address, port);
      const count = probe.received.length;
      client.send('?');
      await probe.hears(count + 1);
      const { from } = probe.received[count]!;
      expect(from).toEqual(expect.objectContaining({ address: '127.0.0.1', local: address }));
      expect(socket.from(from.local).congested()).toBe(false);
      const first = answerOf(client);
      socket.from(from.local).send(Buffer.from('alone'), from.port, from.address);
      expect(await first).toBe('alone');
      const second = answerOf(client);
      socket.from(from.local).slot(1350).write('batch');
      socket.from(from.local).submit(1350, 5, from.port, from.address);
      socket.flush();
      expect(await second).toBe('batch');
    }
  });

  test('tells it for each of many that came at once', async () => {
    const probe = onAll(() => ['127.0.0.2']);
    probe.socket.answerFromEach();
    const client = await clientOf('127.0.0.2', probe.socket.address.port);
    for (let sent = 0; sent < 100; sent++) client.send('?');
    await probe.hears(100);
    expect(new Set(probe.received.map(({ from }) => from.local))).toEqual(new Set(['127.0.0.2']));
  });

  test('hears what is sent to an address that it does not know, and leaves the rest to the system', async () => {
    const probe = onAll(() => ['127.0.0.2']);
    probe.socket.answerFromEach();
    const client = await clientOf('127.0.0.1', probe.socket.address.port);
    client.send('?');
    await probe.hears(1);
    const { from } = probe.received[0]!;
    expect(from.local).toBeUndefined();
    const answer = answerOf(client);
    probe.socket.from('127.0.0.77').send(Buffer.from('yes'), from.port, from.address);
    expect(await answer).toBe('yes');
  });

  test('speaks IPv4 as one of IPv6 does', async () => {
    const probe = onAll(() => ['::ffff:127.0.0.2', '::1'], '::');
    probe.socket.answerFromEach();
    const client = await clientOf('127.0.0.2', probe.socket.address.port);
    client.send('?');
    await probe.hears(1);
    const { from } = probe.received[0]!;
    expect(from).toEqual(expect.objectContaining({ address: '::ffff:127.0.0.1', local: '::ffff:127.0.0.2' }));
    const answer = answerOf(client);
    probe.socket.from(from.local).send(Buffer.from('yes'), from.port, from.address);
    expect(await answer).toBe('yes');
  });

  test('keeps the port for itself, unless it is shared', () => {
    const { socket } = onAll(() => ['127.0.0.1', '127.0.0.2']);
    socket.answerFromEach();
    const { port } = socket.address;
    for (const host of ['0.0.0.0', '127.0.0.1', '127.0.0.2', '127.0.0.3']) {
      expect(() => bindAt(host, port, { shared: true })).toThrow(/EADDRINUSE|another program has it/);
    }
    const shared = onAll(() => ['127.0.0.1'], '0.0.0.0', true);
    shared.socket.answerFromEach();
    const second = onAll(() => ['127.0.0.1'], '0.0.0.0', true, shared.socket.address.port);
    expect(() => second.socket.answerFromEach()).not.toThrow();
  });

  test('looks again every 30 s: what came has a socket then, what went has none', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
    let addresses = ['127.0.0.2'];
    const probe = onAll(() => addresses);
    probe.socket.answerFromEach();
    const { port } = probe.socket.address;
    addresses = ['127.0.0.3'];
    jest.advanceTimersByTime(30_000);
    const locals: (string | undefined)[] = [];
    for (const address of ['127.0.0.2', '127.0.0.3']) {
      const client = await clientOf(address, port);
      client.send('?');
      await probe.hears(locals.length + 1);
      locals.push(probe.received.at(-1)!.from.local);
    }
    expect(locals).toEqual([undefined, '127.0.0.3']);
  });

  test('an address that somebody else has on this port, or that has gone, is left to them', async () => {
    const any = bindAt('0.0.0.0', 0);
    const socket = new EachAddressSocket({
      any,
      shared: false,
      addresses: () => ['192.0.2.77', '127.0.0.2'],
      bindAt: (address) => bindAt(address, any.address.port, { shared: true, tells: true }),
    });
    closers.push(() => socket.close());
    const probe = new SocketProbe(socket);
    socket.answerFromEach();
    const client = await clientOf('127.0.0.2', socket.address.port);
    client.send('?');
    await probe.hears(1);
    expect(probe.received[0]!.from.local).toBe('127.0.0.2');
  });

  test('once closed it has let all addresses go, and looks no more', async () => {
    const { socket } = onAll(() => ['127.0.0.1', '127.0.0.2']);
    socket.answerFromEach();
    const { port } = socket.address;
    await socket.close();
    socket.answerFromEach();
    for (const host of ['0.0.0.0', '127.0.0.1', '127.0.0.2']) await bindAt(host, port).close();
  });
});
