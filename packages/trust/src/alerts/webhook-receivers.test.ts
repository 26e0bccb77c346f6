import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { until } from '@kwik/testbed';
import { WebhookQueue, type WebhookOptions } from './webhook-queue.js';

/** Real requests, on a machine that may be busy. */
const LONG_MS = 60_000;
jest.setTimeout(LONG_MS);

const SECRET = 'T0K3N-that-only-the-receiver-knows';

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

/** A receiver on this machine, and what it was asked. */
async function receiver(answer: RequestListener) {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    asked.push(request);
    request.resume();
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  endings.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook/${SECRET}?key=${SECRET}`, asked };
}

/** Waits between tries are left out. */
function queueFor(options: WebhookOptions) {
  const reasons: Error[] = [];
  const schedule = (_delayMs: number, callback: () => void): void => callback();
  const queue = new WebhookQueue({ schedule, ...options }, (reason) => reasons.push(reason));
  return { queue, reasons };
}

describe('a receiver', () => {
  test('that does not answer costs five tries, and a hundred wait for it at the most, until it does', async () => {
    let isStuck = true;
    const { url } = await receiver((_request, response) => isStuck || response.writeHead(204).end());
    let tries = 0;
    const counting: typeof fetch = (target, init) => {
      tries += 1;
      // However slow this machine is, one that answers is waited for.
      return fetch(target, isStuck ? init : { ...init, signal: null });
    };
    const reasons: string[] = [];
    const schedule = (_delayMs: number, callback: () => void): void => callback();
    const queue = new WebhookQueue({ url, timeoutMs: 50, fetch: counting, schedule }, ({ message }) => {
      reasons.push(message);
      isStuck = queue.lost < 50;
    });
    for (let count = 0; count < 150; count++) queue.tell({ count });
    expect(reasons).toEqual(new Array(49).fill('the webhook does not keep up'));
    await until(() => queue.delivered === 100, LONG_MS);
    expect(reasons.slice(49)).toEqual(['the webhook did not answer within 50 ms']);
    expect(tries).toBe(5 + 100);
  });

  test('that leads elsewhere is not followed: nobody else is asked', async () => {
    const elsewhere = await receiver((_request, response) => response.end());
    const { url, asked } = await receiver((_request, response) => {
      response.writeHead(307, { Location: elsewhere.url }).end();
    });
    const { queue, reasons } = queueFor({ url, headers: { authorization: `Bearer ${SECRET}` } });
    queue.tell({ a: 1 });
    await until(() => queue.lost === 1, LONG_MS);
    expect([asked.length, elsewhere.asked.length]).toEqual([5, 0]);
    expect(reasons).toMatchObject([{ message: 'the webhook was not reached: unexpected redirect' }]);
  });

  test('that answers without an end is told once, and no more of it is read', async () => {
    let closed = 0;
    const { url, asked } = await receiver((_request, response) => {
      response.on('close', () => (closed += 1));
      response.write('x'.repeat(1000));
    });
    const { queue } = queueFor({ url });
    queue.tell({ a: 1 });
    await until(() => queue.delivered === 1 && closed === 1, LONG_MS);
    expect(asked).toHaveLength(1);
  });

  test('that fails is told of without the secrets of its address and headers', async () => {
    const refuses = await receiver((_request, response) => response.writeHead(500).end(SECRET));
    const hangs = await receiver(() => undefined);
    const hangsUp = await receiver((request) => request.socket.destroy());
    const redirects = await receiver((_request, response) => response.writeHead(302, { Location: `/${SECRET}` }).end());
    const urls = [refuses, hangsUp, redirects].map(({ url }) => url);
    for (const url of [...urls, `http://127.0.0.1:1/${SECRET}`, hangs.url]) {
      const timeoutMs = url === hangs.url ? 50 : LONG_MS;
      const { queue, reasons } = queueFor({ url, timeoutMs, headers: { authorization: SECRET } });
      queue.tell({ a: 1 });
      await until(() => queue.lost === 1, LONG_MS);
      // As a logger may write it: with its cause, and whatever hangs on it.
      expect(inspect(reasons, { depth: 20, showHidden: true })).not.toContain(SECRET);
    }
  });
});

test('a user and a password in the address are refused, for nobody sends them, and are not told', () => {
  const make = (): WebhookQueue => new WebhookQueue({ url: `https://me:${SECRET}@hook.example/` });
  expect(make).toThrow(expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' }));
  expect(make).toThrow(/user or password.*headers\.authorization/u);
  expect(make).not.toThrow(SECRET);
});

test.each([
  ['a value', { authorization: `Bearer one\n${SECRET}` }, /value of the header 'authorization'/u],
  ['a name', { [`x\n${SECRET}`]: 'one' }, /name of a header/u],
])(
  'a header with %s that cannot be sent is refused before anything is tried, and not told',
  (_what, headers, words) => {
    const make = (): WebhookQueue => new WebhookQueue({ url: 'https://hook.example/', headers });
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' }));
    expect(make).toThrow(words);
    let error: unknown;
    try {
      make();
    } catch (thrown) {
      error = thrown;
    }
    expect(inspect(error, { showHidden: true, depth: 9 })).not.toContain(SECRET);
  },
);
