import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { env } from 'node:process';
import { afterEach, expect, jest, test } from '@jest/globals';
import { listen, type Listener } from '@kwik/session';
import net, { configure, type KwikSettings, type Server } from '@kwik/socket';
import { until } from '@kwik/testbed';

jest.setTimeout(30_000);

const servers: Server[] = [];
const relays: Listener[] = [];

afterEach(async () => {
  configure({ relays: undefined, serverRelays: undefined } as unknown as KwikSettings);
  env['KWIK_RELAYS'] = env['KWIK_SERVER_RELAYS'] = '';
  for (const server of servers.splice(0)) server.close();
  for (const relay of relays.splice(0)) await relay.close({ force: true });
});

async function relay(): Promise<string> {
  const listener = await listen({ relay: { anchors: ['127.0.0.1'], forClients: true } });
  relays.push(listener);
  return `127.0.0.1:${listener.address().port}`;
}

/** Sends back what comes. */
async function echoing(): Promise<number> {
  const server = net.createServer((socket) => void socket.pipe(socket));
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return server.address()!.port;
}

const forwarded = (listener: Listener): number => listener.stats().relay.forwardedBytes;

test('a socket over two relays goes on when one of them is killed', async () => {
  const kwik = { relays: [await relay(), await relay()] };
  const port = await echoing();
  const socket = net.connect({ port, host: '127.0.0.1', kwik });
  const got: Buffer[] = [];
  let bytes = 0;
  const errors: unknown[] = [];
  socket.on('error', (error: unknown) => errors.push(error));
  socket.on('data', (chunk: Buffer) => {
    got.push(chunk);
    bytes += chunk.length;
  });
  await once(socket, 'connect');
  await until(() => relays.every((each) => each.stats().relay.connections === 1));
  const payload = randomBytes(4_000_000);
  socket.write(payload.subarray(0, 2_000_000));
  await until(() => bytes > 300_000 && relays.every((each) => forwarded(each) > 20_000));
  await relays[0]!.close({ force: true });
  socket.end(payload.subarray(2_000_000));
  await once(socket, 'close');
  expect(errors).toEqual([]);
  expect(Buffer.compare(Buffer.concat(got), payload)).toBe(0);
});

test.each(['configure', 'KWIK_RELAYS'])('relays by %s', async (how) => {
  const addresses = [await relay(), await relay()];
  if (how === 'configure') configure({ relays: addresses });
  else env['KWIK_RELAYS'] = addresses.join(' , ');
  const socket = net.connect(await echoing(), '127.0.0.1');
  socket.on('error', () => undefined);
  await until(() => relays.every((each) => each.stats().relay.connections === 1));
  socket.destroy();
});

test.each(['configure', 'KWIK_SERVER_RELAYS'])(
  'relays of a server, by %s: a client needs to know nothing of them',
  async (how) => {
    const addresses = [await relay(), await relay()];
    if (how === 'configure') configure({ serverRelays: addresses });
    else env['KWIK_SERVER_RELAYS'] = addresses.join(',');
    const port = await echoing();
    configure({ serverRelays: undefined } as unknown as KwikSettings);
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    await until(() => relays.every((each) => each.stats().relay.connections === 1));
    socket.destroy();
  },
);

test('a server on all addresses says what its relays need to know', async () => {
  const server = net.createServer({ kwik: { serverRelays: [await relay()] } });
  servers.push(server.listen(0));
  const [error] = (await once(server, 'error')) as [Error];
  expect(error).toMatchObject({ code: 'ERR_KWIK_INVALID_ARGUMENT', message: expect.stringContaining('audiences') });
});
