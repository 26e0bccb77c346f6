import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

import { afterEach, describe, expect, test } from '@jest/globals';

import { createLinks } from './create-links.js';
import type { EmulatedLink, LinkOptions } from './emulated-link.js';
import { Link } from './link.js';
import { LinkHost } from './link-host.js';
import { until } from '../waiting/real-time.js';

const HOST = '127.0.0.1';
/** A datagram on loopback takes well under a millisecond; this is for a machine that does something else. */
const PATIENCE_MS = 10_000;

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

async function socket(): Promise<Socket> {
  const made = createSocket('udp4');
  made.bind(0, HOST);
  await once(made, 'listening');
  open.push({
    [Symbol.asyncDispose]: async () => {
      made.close();
      await once(made, 'close');
    },
  });
  return made;
}

/** A server that answers each datagram with "re:" before it. */
async function echo(): Promise<Socket> {
  const server = await socket();
  server.on('message', (data, from) => server.send(`re:${data.toString()}`, from.port, from.address));
  return server;
}

async function receive(from: Socket): Promise<string> {
  const [data] = (await once(from, 'message', { signal: AbortSignal.timeout(PATIENCE_MS) })) as [Buffer];
  return data.toString();
}

/** Sends until it happens: a worker may get a datagram before it hears what was said of the link. */
async function sendUntil(client: Socket, text: string, port: number, happened: () => boolean): Promise<void> {
  await until(() => {
    if (happened()) return true;
    client.send(text, port, HOST);
    return false;
  });
}

describe.each([false, true])('a link, isolated: %s', (isolated) => {
  async function link(options: Omit<LinkOptions, 'target'> = {}, server?: Socket): Promise<EmulatedLink> {
    const target = { host: HOST, port: (server ?? (await echo())).address().port };
    const set = await createLinks({ only: { target, ...options } }, { isolated });
    open.push(set);
    return set.links.only;
  }

  test('carries datagrams both ways and keeps clients apart', async () => {
    const made = await link();
    expect(made.address()).toBe(`${HOST}:${made.port}`);
    const [one, two] = [await socket(), await socket()];
    for (const [client, text] of [
      [one, 'a'],
      [two, 'b'],
      [one, 'c'],
    ] as const) {
      const answer = receive(client);
      client.send(text, made.port, HOST);
      expect(await answer).toBe(`re:${text}`);
    }
    expect(made.stats()).toMatchObject({
      up: { packetsIn: 3, bytesIn: 3, packetsOut: 3, bytesOut: 3 },
      down: { packetsIn: 3, bytesIn: 12, packetsOut: 3, bytesOut: 12 },
    });
  });

  test('is silent while cut, and works again after heal', async () => {
    const made = await link();
    const client = await socket();
    const answers: string[] = [];
    client.on('message', (data) => answers.push(data.toString()));
    made.cut();
    await sendUntil(client, 'lost', made.port, () => made.stats().up.dropped.cut > 0);
    const { packetsOut } = made.stats().up;
    await sendUntil(client, 'lost', made.port, () => made.stats().up.dropped.cut > 2);
    expect(made.stats().up.packetsOut).toBe(packetsOut);
    made.heal();
    await sendUntil(client, 'kept', made.port, () => answers.includes('re:kept'));
  });

  test('one direction can be cut alone', async () => {
    const made = await link();
    const client = await socket();
    made.cut('down');
    await sendUntil(client, 'question', made.port, () => made.stats().down.dropped.cut > 0);
    expect(made.stats().up.packetsOut).toBeGreaterThan(0);
    expect(made.stats().up.dropped.cut).toBe(0);
  });

  test('takes new options while it runs', async () => {
    const made = await link();
    made.configure('up', { duplicateRate: 1 });
    const client = await socket();
    await sendUntil(client, 'twice', made.port, () => made.stats().down.packetsOut > made.stats().up.packetsIn);
    expect(() => made.configure('both', { lossRate: 7 })).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' }),
    );
  });

  test('forgets the idlest client beyond its bound', async () => {
    const made = await link({ maxClients: 2 });
    const clients = [await socket(), await socket(), await socket()];
    for (const client of [...clients, ...clients]) {
      const answer = receive(client);
      client.send('x', made.port, HOST);
      expect(await answer).toBe('re:x');
    }
  });

  test('survives a server that is not there', async () => {
    const client = await socket();
    const gone = await socket();
    const fresh = await link({}, gone);
    gone.close();
    // Its disposal waits for the event; there is no second one.
    open.splice(open.length - 2, 1);
    for (let i = 0; i < 3; i++) client.send('into the void', fresh.port, HOST);
    await until(() => fresh.stats().up.packetsIn === 3);
  });

  test('says why when its port is taken, and frees it on close', async () => {
    const taken = await link();
    const again = { target: { host: HOST, port: 9 }, port: taken.port };
    await expect(createLinks({ again }, { isolated })).rejects.toMatchObject({ code: 'ERR_KWIK_CONNECT_FAILED' });
    await taken.close();
    await taken.close();
    expect(() => taken.cut()).toThrow(expect.objectContaining({ code: 'ERR_KWIK_INVALID_STATE' }));
    const set = await createLinks({ again }, { isolated });
    expect(set.links.again.port).toBe(taken.port);
    await set.close();
  });
});

test('Link.create gives a link of its own', async () => {
  const server = await echo();
  const made = await Link.create({ target: { host: 'localhost', port: server.address().port }, both: { delayMs: 1 } });
  open.push(made);
  const client = await socket();
  const answer = receive(client);
  client.send('hello', made.port, HOST);
  expect(await answer).toBe('re:hello');
});

test.each([
  { target: { host: HOST, port: 0 } },
  { target: { host: HOST, port: 1.5 } },
  { target: { host: HOST, port: 80 }, host: 'not-an-address' },
  { target: { host: HOST, port: 80 }, maxClients: 0 },
  { target: { host: HOST, port: 80 }, up: { rateBitsPerSecond: -1 } },
])('%j is refused', async (options) => {
  await expect(Link.create(options)).rejects.toMatchObject({ code: 'ERR_KWIK_INVALID_ARGUMENT' });
});

test('a closed host makes no more links', async () => {
  const host = LinkHost.start();
  await host.close();
  await expect(host.create({ target: { host: HOST, port: 80 } })).rejects.toMatchObject({
    code: 'ERR_KWIK_INVALID_STATE',
  });
});
