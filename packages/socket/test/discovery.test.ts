import { once } from 'node:events';
import { env } from 'node:process';
import { afterEach, expect, jest, test } from '@jest/globals';
import { createDiscovery, staticList, type OwnDiscovery } from '@kwik/discovery';
import { until } from '@kwik/testbed';
import net, { configure, type KwikSettings, type Server, type Socket } from '@kwik/socket';
import { rawServer } from './raw-server.js';

jest.setTimeout(30_000);

const servers: Server[] = [];
const discoveries: OwnDiscovery[] = [];
afterEach(() => {
  configure({ discovery: undefined } as unknown as KwikSettings);
  env['KWIK_DISCOVER'] = '';
  for (const server of servers.splice(0)) server.close();
  for (const discovery of discoveries.splice(0)) discovery.close();
});

/** A server that says who it is. */
async function named(name: string): Promise<{ address: string; server: Server }> {
  const server = net.createServer((socket) => void socket.end(name));
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return { address: `127.0.0.1:${server.address()!.port}`, server };
}

function found(addresses: readonly string[]): OwnDiscovery {
  const discovery = createDiscovery({ sources: [staticList(addresses)] });
  discoveries.push(discovery);
  return discovery;
}

async function said(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}

test('connect finds its server by the name of a service, at the port that discovery says', async () => {
  const { address } = await named('one');
  configure({ discovery: found([address]) });
  const socket = net.connect(1, 'films');
  const events: unknown[] = [];
  socket.on('lookup', (...args: unknown[]) => events.push(args));
  await once(socket, 'connect');
  expect(`${socket.remoteAddress}:${socket.remotePort}`).toBe(address);
  expect(await said(socket)).toBe('one');
  expect(events).toEqual([[null, '127.0.0.1', 4, 'films']]);
});

test('KWIK_DISCOVER names sources; a second socket shares the session of the first', async () => {
  const { address } = await named('one');
  env['KWIK_DISCOVER'] = `static:${address} file:/nowhere/servers.json`;
  const first = net.connect(1, 'films');
  await once(first, 'connect');
  const second = net.connect(2, 'films');
  await once(second, 'connect');
  expect(second.localPort).toBe(first.localPort);
  expect([await said(first), await said(second)]).toEqual(['one', 'one']);
});

test('two discoveries that call different servers by one name are not taken for each other', async () => {
  const [one, two] = [await named('one'), await named('two')];
  const by = (address: string) => ({ port: 1, host: 'films', kwik: { discovery: found([address]) } });
  expect(await said(net.connect(by(one.address)))).toBe('one');
  expect(await said(net.connect(by(two.address)))).toBe('two');
});

test('with fastOpen nothing is sent before one of the servers has taken the connection', async () => {
  const asked: Promise<Uint8Array | null>[] = [];
  const raw = await rawServer((stream) => asked.push(stream.read()));
  const discovery = found([`127.0.0.1:${raw.port}`]);
  for (const connection of [1, 2]) {
    const socket = net.connect({ port: 1, host: 'films', kwik: { discovery, fastOpen: true } });
    socket.write('question');
    await until(() => asked.length === connection);
    expect(Buffer.from((await asked.at(-1))!)).toEqual(Buffer.from([1, 0]));
    socket.destroy();
  }
  await raw.close();
});

test('a server that has gone is passed over', async () => {
  const [one, two] = [await named('one'), await named('two')];
  one.server.close();
  await once(one.server, 'close');
  configure({ discovery: found([one.address, two.address]) });
  expect(await said(net.connect(1, 'films'))).toBe('two');
});

test('nobody of the service answers: an error of the system, with what KWIK says as its cause', async () => {
  const { address, server } = await named('one');
  server.close();
  await once(server, 'close');
  configure({ discovery: found([address]) });
  const socket = net.connect(7, 'films');
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  expect(error).toMatchObject({
    code: 'ECONNREFUSED',
    address: 'films',
    port: 7,
    cause: { message: expect.stringMatching(/none of the servers of 'films' answers/) },
  });
});

test('names that discovery does not know, and names of hosts, are looked up as ever', async () => {
  const { address } = await named('one');
  const port = Number(address.split(':')[1]);
  const asked: string[] = [];
  const own = found(['192.0.2.1:1']);
  const discovery = {
    service: (name: string) => {
      asked.push(name);
      return own.service(name);
    },
  };
  expect(await said(net.connect({ port, host: 'localhost', family: 4, kwik: { discovery } }))).toBe('one');
  expect(await said(net.connect({ port, host: '127.0.0.1', kwik: { discovery } }))).toBe('one');
  expect(asked).toEqual([]);
  const empty = found([]);
  const unknown = net.connect({ port, host: 'no-such-host', kwik: { discovery: empty } });
  const [error] = (await once(unknown, 'error')) as [NodeJS.ErrnoException];
  expect(error.syscall).toBe('getaddrinfo');
});

test('a source that cannot be is an error of the connect, which names it', async () => {
  const socket = net.connect({ port: 1, host: 'films', kwik: { discovery: ['nonsense'] } });
  const [error] = (await once(socket, 'error')) as [Error];
  expect(error.message).toMatch(/'nonsense' names no source of servers/);
});
