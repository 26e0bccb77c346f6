import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { KwikError } from '@kwik/wire';
import { until } from '@kwik/testbed';
import { parseHostPort } from '../address.js';
import { fixedTarget } from './greetings/fixed.js';
import { HTTP_CONNECT } from './greetings/http-connect.js';
import { SOCKS5 } from './greetings/socks5.js';
import { type Greeting, LocalListener } from './local-listener.js';

let listener: LocalListener | undefined;
const clients: Socket[] = [];

afterEach(() => {
  listener?.close();
  for (const client of clients.splice(0)) client.destroy();
});

/** Whose connections are refused by the server. */
async function refusing(greeting: Greeting, lingerMs = 60_000): Promise<LocalListener> {
  listener = await LocalListener.open({
    listen: { host: '127.0.0.1', port: 0 },
    greeting,
    connect: () => Promise.reject(new KwikError('ERR_KWIK_PERMISSION_DENIED')),
    say: () => undefined,
    lingerMs,
  });
  return listener;
}

function connecting({ address }: LocalListener): { socket: Socket; told: () => string } {
  const socket = connect({ ...parseHostPort(address), allowHalfOpen: true }).on('error', () => undefined);
  clients.push(socket);
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  return { socket, told: () => text };
}

const SOCKS_REQUEST = Buffer.from('050100' + '050100017f0000010050', 'hex');

describe.each<[string, Greeting, string | Buffer, RegExp]>([
  ['of HTTP', HTTP_CONNECT, 'CONNECT example.org:443 HTTP/1.1\r\n\r\n', /403 Forbidden/u],
  ['of HTTP that asks for something else', HTTP_CONNECT, 'GET / HTTP/1.1\r\n\r\n', /405 Method/u],
  // eslint-disable-next-line no-control-regex -- the answer of SOCKS is binary
  ['of SOCKS', SOCKS5, SOCKS_REQUEST, /^\x05\x00\x05\x02/u],
])('a client %s that is refused', (_what, greeting, request, answer) => {
  test('reads why, and an end that is no reset, though it sends on', async () => {
    const { socket, told } = connecting(await refusing(greeting));
    let failed = false;
    socket.on('error', () => (failed = true));
    socket.write(request);
    socket.write(Buffer.alloc(100_000));
    await once(socket, 'end');
    expect(told()).toMatch(answer);
    socket.end();
    await until(() => listener?.connections === 0);
    expect(failed).toBe(false);
  });

  test('and keeps its connection open is closed in time', async () => {
    const opened = await refusing(greeting, 50);
    const { socket } = connecting(opened);
    socket.write(request);
    await until(() => opened.connections === 1);
    await until(() => opened.connections === 0);
  });
});

test('a client that is told nothing sees a reset', async () => {
  const { socket } = connecting(await refusing(fixedTarget({ host: '127.0.0.1', port: 1 })));
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNRESET');
  await until(() => listener?.connections === 0);
});
