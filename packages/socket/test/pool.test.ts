import { once } from 'node:events';
import { pause } from '@kwik/testbed';
import { afterEach, expect, test } from '@jest/globals';
import { noneClientAuth, type ClientAuthenticator } from '@kwik/session';
import net, { type Server, type Socket } from '@kwik/socket';

const IDLE_MS = 300;
const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((done) => server.close(done));
});

async function serving(): Promise<number> {
  const server = net.createServer((socket) => socket.on('error', () => undefined).pipe(socket)).listen(0);
  servers.push(server);
  await once(server, 'listening');
  return server.address()!.port;
}

/** The local port tells sessions apart: each has one. */
async function connected(port: number, kwik?: object): Promise<Socket> {
  const socket = net.connect({ port, kwik });
  await once(socket, 'connect');
  return socket;
}

test('sockets with the same settings share a session; others do not', async () => {
  const port = await serving();
  const sockets = [await connected(port), await connected(port)];
  const other = await connected(port, { recoveryMs: 5000 });
  expect(sockets[0]!.localPort).toBe(sockets[1]!.localPort);
  for (const socket of [...sockets, other]) socket.destroy();
});

test('an identity that no comparison sees is one of its own', async () => {
  const port = await serving();
  const plain = noneClientAuth();
  const begun: string[] = [];
  class Named implements ClientAuthenticator {
    readonly #name: string;
    readonly mechanism = plain.mechanism;
    constructor(name: string) {
      this.#name = name;
    }
    begin(...given: Parameters<ClientAuthenticator['begin']>): ReturnType<ClientAuthenticator['begin']> {
      begun.push(this.#name);
      return plain.begin(...given);
    }
  }
  const [alice, bob] = [new Named('alice'), new Named('bob')];
  const sockets = [];
  for (const who of [alice, alice, bob]) sockets.push(await connected(port, { clientAuth: [who] }));
  for (const socket of sockets) socket.destroy();
  expect(begun).toEqual(['alice', 'bob']);
});

test('a session takes so many sockets, and the next socket opens another one', async () => {
  const port = await serving();
  const kwik = { pool: { maxSockets: 2 } };
  const sockets = [];
  for (let count = 0; count < 5; count += 1) sockets.push(await connected(port, kwik));
  for (const socket of sockets) {
    socket.write('x');
    expect(String((await once(socket, 'data'))[0])).toBe('x');
    socket.destroy();
  }
});

test('a session without sockets is closed after a while, and the next socket opens a new one', async () => {
  const port = await serving();
  const kwik = { pool: { idleMs: IDLE_MS } };
  (await connected(port, kwik)).destroy();
  const soon = await connected(port, kwik);
  soon.destroy();
  await pause(3 * IDLE_MS);
  const later = await connected(port, kwik);
  later.write('x');
  expect(String((await once(later, 'data'))[0])).toBe('x');
  later.destroy();
});

test('a slow socket does not stop others of its session', async () => {
  const port = await serving();
  const slow = await connected(port);
  const much = Buffer.alloc(4 * 1024 * 1024);
  slow.write(much);
  slow.pause();
  const quick = await connected(port);
  for (let count = 0; count < 20; count += 1) {
    quick.write('ping');
    await once(quick, 'data');
  }
  slow.destroy();
  quick.destroy();
});
