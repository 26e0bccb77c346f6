import { once } from 'node:events';
import http from 'node:http';
import { createRequire } from 'node:module';
import nodeNet from 'node:net';
import { afterEach, expect, jest, test } from '@jest/globals';
import { listen, type Listener } from '@kwik/session';
import net, { configure, type KwikSettings, type Server, type Socket } from '@kwik/socket';
import { serveHttp } from '@kwik/socket/http';
import { pause, RelayGate, until } from '@kwik/testbed';
import { missingPrograms, POSTGRES, startRealServer } from '@kwik/testbed/programs';
import type Postgres from 'pg';
import type * as Ws from 'ws';

jest.setTimeout(60_000);

const require = createRequire(import.meta.url);
/** Questions between one death and the next. */
const TURNS = 20;
/** Of a reader; and more than all windows and buffers on the way. */
const WINDOW_BYTES = 256 * 1024;
const MUCH = 8 * 1024 * 1024;

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  configure({ relays: undefined } as unknown as KwikSettings);
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Two relays, by way of which alone a server is reached. */
class Relays {
  readonly #relays: Listener[];
  /** Of the server, for those who come by way of the relays. */
  readonly port: number;

  private constructor(relays: Listener[], port: number) {
    this.#relays = relays;
    this.port = port;
  }

  /** Sockets are connected by way of them from now on. */
  static async before(server: number): Promise<Relays> {
    const listeners = [await relay(), await relay()];
    const ports = listeners.map((each) => each.address().port);
    const gate = await RelayGate.open(server, ports);
    cleanups.push(() => gate.close());
    const relays = new Relays(listeners, gate.port);
    cleanups.push(() => Promise.all(listeners.map((each) => each.close({ force: true }))));
    configure({ relays: ports.map((port) => `127.0.0.1:${port}`) });
    return relays;
  }

  /** Asks a number of questions, one after the other, before, between and after the death and return of each relay. */
  async outlivedBy(ask: (turn: number) => Promise<unknown>): Promise<void> {
    let turn = 0;
    const turns = async (): Promise<void> => {
      for (const end = turn + TURNS; turn < end; turn += 1) expect(await ask(turn)).toBe(turn);
    };
    await turns();
    for (const [index, each] of this.#relays.entries()) {
      const { port } = each.address();
      expect(each.stats().relay.forwardedBytes).toBeGreaterThan(0);
      await each.close({ force: true });
      await turns();
      this.#relays[index] = await relay(port);
      await turns();
    }
  }
}

function relay(port = 0): Promise<Listener> {
  return listen({ port, relay: { anchors: ['127.0.0.1'], forClients: true } });
}

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  cleanups.push(() => new Promise((done) => server.close(done)));
  await once(server, 'listening');
  return server.address()!.port;
}

test('a WebSocket answers on and on while each of its relays dies and comes back', async () => {
  const { WebSocket, WebSocketServer } = require('ws') as typeof Ws;
  const server = http.createServer();
  new WebSocketServer({ server }).on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
  const relays = await Relays.before(await portOf(serveHttp(server)));
  const { port } = relays;
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, {
    createConnection: () => net.connect(port, '127.0.0.1') as unknown as nodeNet.Socket,
  });
  cleanups.push(() => socket.terminate());
  await once(socket, 'open');
  const ended = once(socket, 'close').then(() => 'closed');
  await relays.outlivedBy(async (turn) => {
    socket.send(`${turn}`);
    const answer = await Promise.race([once(socket, 'message'), ended]);
    return Number(answer[0]);
  });
  socket.close();
  expect(await ended).toBe('closed');
});

/** A connection by way of two relays, and the server's end of it. */
async function connectedPair(): Promise<{ client: Socket; far: Socket }> {
  const server = net.createServer({ allowHalfOpen: true });
  const { port } = await Relays.before(await portOf(server));
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const dial = { limits: { streamWindowBytes: WINDOW_BYTES } };
  const client = new net.Socket({ allowHalfOpen: true }).connect({ port, host: '127.0.0.1', kwik: { dial } });
  const [far] = await accepted;
  cleanups.push(() => [client, far].forEach((socket) => socket.destroy()));
  if (client.connecting) await once(client, 'connect');
  return { client, far };
}

test.each(['client', 'server'] as const)(
  'by way of relays one end ends, the %s, and the other goes on',
  async (first) => {
    const { client, far } = await connectedPair();
    const [early, late] = first === 'client' ? [client, far] : [far, client];
    const heard = { early: '', late: '' };
    early.setEncoding('utf8').on('data', (text: string) => (heard.early += text));
    late.setEncoding('utf8').on('data', (text: string) => (heard.late += text));
    const ended = once(late, 'end');
    early.end('all that there is');
    await ended;
    expect(heard).toEqual({ early: '', late: 'all that there is' });
    late.write('more');
    await until(() => heard.early === 'more');
    const over = Promise.all([once(early, 'close'), once(late, 'close')]);
    late.end(', and that was it');
    expect(await over).toEqual([[false], [false]]);
    expect(heard.early).toBe('more, and that was it');
  },
);

test('a reader that stops bounds what is under way by way of relays, and all arrives when it goes on', async () => {
  const { client, far } = await connectedPair();
  client.pause();
  const chunk = Buffer.alloc(64 * 1024);
  let accepted = 0;
  const writing = (async () => {
    for (; accepted < MUCH; accepted += chunk.length) if (!far.write(chunk)) await once(far, 'drain');
    far.end();
  })();
  for (let before = -1; before !== accepted; ) {
    before = accepted;
    await pause(500);
  }
  expect(accepted).toBeGreaterThan(0);
  expect(accepted).toBeLessThan(MUCH / 2);
  let got = 0;
  const ended = once(client, 'end');
  client.on('data', (bytes: Buffer) => (got += bytes.length)).resume();
  await Promise.all([writing, ended]);
  expect(got).toBe(MUCH);
  client.end();
}, 300_000);

const missing = missingPrograms(POSTGRES);
// eslint-disable-next-line no-restricted-syntax -- a machine without the server cannot run it
const withPostgres = missing.length === 0 ? test : test.skip;

withPostgres('pg has its answers on one connection while each of its relays dies and comes back', async () => {
  const { Client } = require('pg') as typeof Postgres;
  const postgres = await startRealServer(POSTGRES);
  cleanups.push(() => postgres.stop());
  const server = await portOf(
    net.createServer((socket) => {
      const onward = nodeNet.connect(postgres.port, '127.0.0.1');
      socket.on('error', () => onward.destroy());
      onward.on('error', () => socket.destroy());
      socket.pipe(onward).pipe(socket);
    }),
  );
  const relays = await Relays.before(server);
  const stream = (): nodeNet.Socket => new net.Socket() as unknown as nodeNet.Socket;
  const client = new Client({ host: '127.0.0.1', port: relays.port, user: 'kwik', database: 'postgres', stream });
  await client.connect();
  await relays.outlivedBy(async (turn) => {
    const { rows } = await client.query<{ turn: number }>('SELECT $1::int AS turn', [turn]);
    return rows[0]?.turn;
  });
  await client.end();
});
