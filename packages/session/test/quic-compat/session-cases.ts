import { pause } from '@kwik/testbed';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { ask, type Case, connectionOf, echo, endOf, failure, within, type World } from './world.js';

const HOSTS = [
  { client: '::ffff:127.0.0.1', server: '127.0.0.1', remote: '127.0.0.1' },
  { client: '::1', server: '::1', remote: '::1' },
  { client: '::', server: '::', remote: '::1' },
];

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

/** Datagrams that are no packets, while a stream talks. */
async function amidNoise(world: World, to: 'client' | 'server'): Promise<string> {
  const { server, client } = await world.pair({ onStream: echo });
  const noise = await world.socket();
  const port = to === 'client' ? client.localPort : server.port;
  const sending = setInterval(() => void noise.send(crypto.getRandomValues(new Uint8Array(40)), port, '127.0.0.1'), 2);
  world.onEnd(async () => clearInterval(sending));
  let heard = '';
  for (let turn = 0; turn < 10; turn++) {
    heard = await ask(client.connection, `turn ${turn}`);
    await pause(5);
  }
  return heard;
}

export const sessionCases: readonly Case[] = [
  ...HOSTS.map(
    (hosts): Case => ({
      name: `a client dials ${hosts.client}, a server listens on ${hosts.server}`,
      run: async (world) => {
        const server = await world.server({ host: hosts.server, onStream: echo });
        const accepted = connectionOf(server);
        const localHost = hosts.client.includes(':') ? '::' : '127.0.0.1';
        const client = await world.client(server.port, { host: hosts.client, localHost });
        const connection = await accepted;
        return [
          server.host,
          connection.localPort === server.port,
          connection.remoteHost,
          connection.remotePort === client.localPort,
          await ask(client.connection, 'hello'),
        ];
      },
      expected: [hosts.server, true, hosts.remote, true, 'hello'],
    }),
  ),
  {
    name: 'host names are resolved, by the program where it can',
    run: async (world) => {
      const resolveHostname = (name: string) => (name === 'here.example' ? '127.0.0.1' : '192.0.2.1');
      const server = await world.server({ host: 'here.example', resolveHostname });
      const client = await world.client(server.port, { host: 'here.example', resolveHostname });
      return [server.host, client.host];
    },
    expected: ['127.0.0.1', '127.0.0.1'],
  },
  {
    name: 'without a server: by idle time, by timer, by signal; and what cannot be reached at all',
    run: async (world) => {
      const port = await freePort();
      const stop = new AbortController();
      void pause(50).then(() => stop.abort('changed my mind'));
      return Promise.all([
        failure(world.client(port, { config: { maxIdleTimeout: 200 } })),
        failure(world.client(port, { config: { maxIdleTimeout: 100_000 }, ctx: { timer: 100 } })),
        failure(world.client(port, { config: { maxIdleTimeout: 100_000 }, ctx: { signal: stop.signal } })),
        failure(world.client(port, { host: '192.0.2.1' })),
        failure(world.client(port, { config: { maxIdleTimeout: 200, keepAliveIntervalTime: 1000 } })),
      ]);
    },
    expected: [
      'ErrorQUICConnectionIdleTimeout',
      'ErrorQUICClientCreateTimeout',
      'changed my mind',
      'ErrorQUICClientInvalidArgument',
      'ErrorQUICConnectionConfigInvalid',
    ],
  },
  {
    name: 'a client waits for a server that is about to start',
    run: async (world) => {
      const port = await freePort();
      const client = world.client(port);
      await pause(200);
      await world.server({ port, onStream: echo });
      return ask((await client).connection, 'hello');
    },
    expected: 'hello',
  },
  ...(['client', 'server'] as const).map(
    (end): Case => ({
      name: `the idle time of the ${end} ends both ends`,
      run: async (world) => {
        const times = { client: end === 'client' ? 300 : 2000, server: end === 'server' ? 300 : 2000 };
        const { client, atServer } = await world.pair(
          { config: { maxIdleTimeout: times.server } },
          { config: { maxIdleTimeout: times.client } },
        );
        return within(Promise.all([endOf(client.connection), endOf(atServer)]), 1500);
      },
      expected: ['ErrorQUICConnectionIdleTimeout', 'ErrorQUICConnectionIdleTimeout'],
    }),
  ),
  ...[
    { client: { maxIdleTimeout: 900, keepAliveIntervalTime: 100 }, server: { maxIdleTimeout: 20_000 } },
    { client: { maxIdleTimeout: 20_000 }, server: { maxIdleTimeout: 900, keepAliveIntervalTime: 100 } },
    { client: { maxIdleTimeout: 20_000, keepAliveIntervalTime: 100 }, server: { maxIdleTimeout: 900 } },
  ].map(
    ({ client, server }, index): Case => ({
      name: `a keep-alive of one end keeps both ends (${index + 1})`,
      run: async (world) => {
        const pair = await world.pair({ config: server }, { config: client });
        return within(Promise.race([endOf(pair.client.connection), endOf(pair.atServer)]), 2000);
      },
      expected: 'too late',
    }),
  ),
  ...(['client', 'server'] as const).map(
    (to): Case => ({
      name: `noise at the ${to} changes nothing`,
      run: (world) => amidNoise(world, to),
      expected: 'turn 9',
    }),
  ),
  {
    name: 'both ends know the connection by the same ids',
    run: async (world) => {
      const { client, atServer } = await world.pair();
      const { connection } = client;
      const same = (one: unknown, other: unknown): boolean => Buffer.compare(one as Buffer, other as Buffer) === 0;
      return [
        same(connection.connectionId, atServer.connectionIdPeer),
        same(connection.connectionIdPeer, atServer.connectionId),
        same(connection.connectionIdShared, atServer.connectionIdShared),
        same(connection.connectionId, connection.connectionIdPeer),
      ];
    },
    expected: [true, true, true, false],
  },
  {
    name: 'clients share a socket, which stays when they go and is not stopped under them',
    run: async (world) => {
      const socket = await world.socket();
      const server = await world.server({ onStream: echo });
      const clients = await Promise.all([1, 2, 3].map(() => world.client(server.port, { socket })));
      const heard = await Promise.all(clients.map(({ connection }) => ask(connection, 'hello')));
      const early = await failure(socket.stop());
      await Promise.all(clients.map((client) => client.destroy({ force: true })));
      const again = await world.client(server.port, { socket });
      heard.push(await ask(again.connection, 'again'));
      const ports = new Set([...clients, again].map(({ isSocketShared }) => isSocketShared));
      await again.destroy({ force: true });
      await socket.stop();
      return [heard, early, ports, socket.closed];
    },
    expected: [['hello', 'hello', 'hello', 'again'], 'ErrorQUICSocketConnectionsActive', new Set([true]), true],
  },
  {
    name: 'two sockets, each for a server and for a client of the other',
    run: async (world) => {
      const sockets = [await world.socket(), await world.socket()] as const;
      await Promise.all(sockets.map((socket) => world.server({ socket, onStream: echo })));
      const clients = await Promise.all([
        world.client(sockets[1].port, { socket: sockets[0] }),
        world.client(sockets[0].port, { socket: sockets[1] }),
      ]);
      return Promise.all(clients.map(({ connection }) => ask(connection, 'hello')));
    },
    expected: ['hello', 'hello'],
  },
];
