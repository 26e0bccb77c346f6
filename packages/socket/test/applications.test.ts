import { type EventEmitter, once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import { createRequire } from 'node:module';
import tls from 'node:tls';
import { afterEach, expect, test } from '@jest/globals';
import net, { type Server, type Socket } from '@kwik/socket';
import { makeCertificates } from './certificates.js';

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function listening(onSocket: (socket: Socket) => void): Promise<number> {
  const server: Server = net.createServer(onSocket).listen(0);
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  cleanups.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((done) => server.close(done));
  });
  await once(server, 'listening');
  return server.address()!.port;
}

/** Serves HTTP on the connections of a KWIK server. */
async function httpPort(server: http.Server): Promise<number> {
  cleanups.push(() => server.closeAllConnections());
  return listening((socket) => server.emit('connection', socket));
}

function request(port: number, options: http.RequestOptions, body: string | Buffer = ''): Promise<string> {
  return new Promise((done, failed) => {
    const asked = http.request({ port, host: 'localhost', ...options }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      answer.on('end', () => done(`${answer.statusCode} ${text}`));
    });
    asked.on('error', failed).end(body);
  });
}

test('http: an agent that keeps connections, bodies both ways, and fifty requests at once', async () => {
  const port = await httpPort(
    http.createServer((asked, answer) => {
      let bytes = 0;
      asked.on('data', (chunk: Buffer) => (bytes += chunk.length));
      asked.on('end', () => answer.end(`${asked.method} ${asked.url} ${bytes}`));
    }),
  );
  const agent = new http.Agent({ keepAlive: true });
  cleanups.push(() => agent.destroy());
  Object.assign(agent, { createConnection: net.createConnection });
  const post = { agent, method: 'POST', path: '/a' };
  expect(await request(port, post, Buffer.alloc(300_000))).toBe('200 POST /a 300000');
  expect(await request(port, post, 'again')).toBe('200 POST /a 5');
  const many = Array.from({ length: 50 }, (_, index) => request(port, { agent, path: `/${index}` }));
  expect(await Promise.all(many)).toEqual(many.map((_, index) => `200 GET /${index} 0`));
});

test('http: a request that is given up, and a server that hangs up', async () => {
  const port = await httpPort(http.createServer((asked) => asked.socket.destroy()));
  const createConnection = net.createConnection as unknown as http.RequestOptions['createConnection'];
  await expect(request(port, { createConnection: createConnection! })).rejects.toMatchObject({ code: 'ECONNRESET' });
});

test('http2 without TLS', async () => {
  const server = http2.createServer();
  server.on('stream', (stream) => {
    stream.respond({ ':status': 200 });
    stream.end('two');
  });
  const port = await listening((socket) => server.emit('connection', socket));
  const client = http2.connect('http://localhost', {
    createConnection: () => net.connect(port),
  });
  cleanups.push(() => client.destroy());
  const asked = client.request({ ':path': '/' });
  let text = '';
  for await (const chunk of asked) text += String(chunk);
  expect(text).toBe('two');
});

test('tls within a connection, and HTTP/2 within that', async () => {
  const { ca, cert, key } = await makeCertificates('inner.example');
  const server = http2.createSecureServer({ cert, key }, (_asked, answer) => answer.end('two, secretly'));
  const port = await listening((socket) => server.emit('connection', socket));
  const plain = net.connect(port);
  const secure = tls.connect({ socket: plain, ca, servername: 'inner.example', ALPNProtocols: ['h2'] });
  await once(secure, 'secureConnect');
  expect(secure).toMatchObject({ authorized: true, alpnProtocol: 'h2' });
  const client = http2.connect('https://inner.example', { createConnection: () => secure });
  cleanups.push(() => client.destroy());
  let text = '';
  for await (const chunk of client.request({ ':path': '/' })) text += String(chunk);
  expect(text).toBe('two, secretly');
});

/** What is used of ws, which brings no types. */
interface Ws {
  readonly WebSocketServer: new (options: { server: http.Server }) => EventEmitter;
  readonly WebSocket: new (url: string, options: object) => WebSocketLike;
}

interface WebSocketLike extends EventEmitter {
  send(data: Buffer): void;
  close(code: number, reason: string): void;
}

test('WebSockets by ws', async () => {
  const { WebSocket, WebSocketServer } = createRequire(import.meta.url)('ws') as Ws;
  const server = http.createServer();
  new WebSocketServer({ server }).on('connection', (socket: WebSocketLike) => {
    socket.on('message', (data: Buffer) => socket.send(data));
  });
  const port = await httpPort(server);
  const client = new WebSocket(`ws://localhost:${port}`, { createConnection: net.createConnection });
  await once(client, 'open');
  const sent = Buffer.alloc(500_000, 'w');
  client.send(sent);
  const [came] = (await once(client, 'message')) as [Buffer];
  expect(came.equals(sent)).toBe(true);
  client.close(1000, 'done');
  const [code, reason] = (await once(client, 'close')) as [number, Buffer];
  expect([code, String(reason)]).toEqual([1000, 'done']);
});

test('a protocol in which the server speaks first', async () => {
  const port = await listening((socket) => {
    socket.write('220 ready\r\n');
    socket.setEncoding('utf8').on('data', (line) => socket.end(`250 ${String(line).trim()}\r\n`));
  });
  const socket = net.connect(port).setEncoding('utf8');
  expect((await once(socket, 'data'))[0]).toBe('220 ready\r\n');
  socket.write('HELO me\r\n');
  expect((await once(socket, 'data'))[0]).toBe('250 HELO me\r\n');
});
