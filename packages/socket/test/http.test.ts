import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { afterEach, expect, test } from '@jest/globals';
import { Agent, fetch } from 'undici';
import net, { type Server } from '@kwik/socket';
import { HttpAgent, HttpsAgent, kwikConnector, serveHttp } from '@kwik/socket/http';
import { makeCertificates } from './certificates.js';

const NAME = 'inner.example';
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  cleanups.push(() => server.listening && new Promise((done) => server.close(done)));
  await once(server, 'listening');
  return server.address()!.port;
}

function get(module: { get: typeof http.get }, options: https.RequestOptions): Promise<string> {
  return new Promise((done, failed) => {
    const asked = module.get({ host: '127.0.0.1', ...options }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      answer.on('end', () => done(text));
    });
    asked.on('error', failed);
  });
}

test('an agent for http keeps its connections, and says what is wrong', async () => {
  const seen = new Set<unknown>();
  const server = http.createServer((asked, answer) => {
    seen.add(asked.socket);
    answer.end(asked.url);
  });
  const port = await portOf(serveHttp(server));
  const agent = new HttpAgent({ keepAlive: true });
  cleanups.push(() => agent.destroy());
  expect([await get(http, { port, agent, path: '/1' }), await get(http, { port, agent, path: '/2' })]).toEqual([
    '/1',
    '/2',
  ]);
  expect(seen.size).toBe(1);
  const free = net.createServer().listen(0, '127.0.0.1');
  await once(free, 'listening');
  const nobody = free.address()!.port;
  await new Promise((done) => free.close(done));
  await expect(get(http, { port: nobody, agent })).rejects.toMatchObject({ code: 'ECONNREFUSED', port: nobody });
});

test('an agent for https has the origin’s own TLS within, and checks it', async () => {
  const { ca, cert, key } = await makeCertificates(NAME);
  const port = await portOf(serveHttp(https.createServer({ cert, key }, (_asked, answer) => answer.end('secretly'))));
  const agent = new HttpsAgent({ ca, servername: NAME });
  cleanups.push(() => agent.destroy());
  expect(await get(https, { port, agent })).toBe('secretly');
  const stranger = new HttpsAgent({ servername: NAME });
  await expect(get(https, { port, agent: stranger })).rejects.toMatchObject({
    code: expect.stringMatching(/CERT|SIGNATURE/u),
  });
});

test('undici connects by a connector, with and without TLS, and hears why it cannot', async () => {
  const { ca, cert, key } = await makeCertificates(NAME);
  const plain = await portOf(serveHttp(http.createServer((_asked, answer) => answer.end('plain'))));
  const secure = await portOf(serveHttp(https.createServer({ cert, key }, (_asked, answer) => answer.end('secure'))));
  const dispatcher = new Agent({ connect: kwikConnector({ tls: { ca, servername: NAME } }) });
  cleanups.push(() => dispatcher.destroy());
  expect(await (await fetch(`http://127.0.0.1:${plain}/`, { dispatcher })).text()).toBe('plain');
  expect(await (await fetch(`https://127.0.0.1:${secure}/`, { dispatcher })).text()).toBe('secure');
  const nobody = net.createServer().listen(0, '127.0.0.1');
  await once(nobody, 'listening');
  const { port } = nobody.address()!;
  await new Promise((done) => nobody.close(done));
  await expect(fetch(`http://127.0.0.1:${port}/`, { dispatcher })).rejects.toMatchObject({
    cause: expect.objectContaining({ code: 'ECONNREFUSED' }),
  });
});

test('closing either of the two servers closes the other, idle connections included', async () => {
  for (const which of ['http', 'kwik'] as const) {
    const server = http.createServer((_asked, answer) => answer.end('x'));
    const kwik = serveHttp(server);
    const port = await portOf(kwik);
    const agent = new HttpAgent({ keepAlive: true });
    cleanups.push(() => agent.destroy());
    await get(http, { port, agent });
    const both = Promise.all([once(server, 'close'), once(kwik, 'close')]);
    if (which === 'http') server.close();
    else kwik.close();
    await both;
    expect(kwik.listening).toBe(false);
  }
});

test('a client that sends its request too slowly is cut off, as node:http does', async () => {
  const server = http.createServer({ headersTimeout: 300, connectionsCheckingInterval: 100 }, (_asked, answer) =>
    answer.end(),
  );
  const port = await portOf(serveHttp(server));
  const socket = net.connect(port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\n');
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  expect(text).toMatch(/^HTTP\/1\.1 408 /u);
});
