import { once } from 'node:events';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { until, VirtualClock } from '@kwik/testbed';
import type { DiscoverySnapshot } from '@kwik/wire';
import {
  AnnouncedServers,
  announceByHttp,
  httpApi,
  makeRecord,
  registryApi,
  type HttpApiOptions,
} from '../src/index.js';
import { boundedRequest } from '../src/sources/http/bounded-request.js';
import { systemClock } from '../src/sources/system-clock.js';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function serve(listener: RequestListener): Promise<string> {
  const server: Server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`;
}

/** What a source says, as it says it. */
function follow(options: Omit<HttpApiOptions, 'service'>): { said: (DiscoverySnapshot | Error)[] } {
  const controller = new AbortController();
  closers.push(() => controller.abort());
  const said: (DiscoverySnapshot | Error)[] = [];
  void (async () => {
    for await (const snapshot of httpApi({ service: 'films', ...options }).watch(controller.signal))
      said.push(snapshot);
  })().catch((error: unknown) => said.push(error as Error));
  return { said };
}

function registry(options: Partial<Parameters<typeof registryApi>[0]> = {}) {
  const store = new AnnouncedServers(systemClock());
  closers.push(() => store.close());
  return { store, api: registryApi({ store, clock: systemClock(), ...options }) };
}

const record = (serverId: string, more = {}) => makeRecord({ serverId, addresses: [`${serverId}.test:4433`], ...more });

describe('the HTTP API', () => {
  test('a server that announces itself is found at once by a long poll, changes with it, and goes with it', async () => {
    const url = await serve(registry().api);
    const { said } = follow({ url });
    await until(() => said.length === 1);
    expect(said[0]).toEqual({ servers: [], problems: [] });
    const announcement = announceByHttp(record('one', { region: 'eu', attributes: { a: 'b' } }), {
      url,
      service: 'films',
    });
    closers.push(() => announcement.close());
    await until(() => said.length === 2, 3000);
    expect(said[1]).toMatchObject({ servers: [{ record: { serverId: 'one', region: 'eu' } }] });
    announcement.update(record('one', { accepting: false }));
    await until(() => said.length === 3, 3000);
    expect(said[2]).toMatchObject({ servers: [{ record: { accepting: false } }] });
    await announcement.close();
    await until(() => said.length === 4, 3000);
    expect(said[3]).toMatchObject({ servers: [] });
  });

  test('tokens: readers read, announcers announce, and nobody else; none crosses a network in the clear', async () => {
    const url = await serve(registry({ readTokens: ['reader'], writeTokens: ['writer'] }).api);
    const nobody = follow({ url });
    await until(() => nobody.said.length === 1);
    expect(nobody.said[0]).toMatchObject({ code: 'ERR_KWIK_AUTH_FAILED' });
    const reader = follow({ url, token: 'reader' });
    await until(() => reader.said.length === 1);
    const failures: unknown[] = [];
    const onFailure = (error: unknown) => failures.push(error);
    const forged = announceByHttp(record('evil'), { url, service: 'films', token: 'reader', onFailure });
    await until(() => failures.length === 1);
    await forged.close();
    expect(failures[0]).toMatchObject({ code: 'ERR_KWIK_AUTH_FAILED' });
    expect((failures[0] as Error).message).not.toMatch(/reader/);
    const announcement = announceByHttp(record('good'), { url, service: 'films', token: 'writer' });
    await until(() => reader.said.length === 2, 3000);
    expect(reader.said[1]).toMatchObject({ servers: [{ record: { serverId: 'good' } }] });
    await announcement.close();
    expect(() => httpApi({ url: 'http://api.example/', service: 'films', token: 'x' })).toThrow(/in the clear/);
    expect(() => httpApi({ url: 'ftp://api.example/', service: 'films' })).toThrow(/no URL of an HTTP API/);
  });

  test.each<[string, RequestListener, RegExp]>([
    ['no JSON', (_, response) => response.end('<html>'), /is no JSON/],
    ['no list', (_, response) => response.end('{"servers":7}'), /is no list of servers/],
    ['an error', (_, response) => response.writeHead(500).end(), /answers 500/],
    ['a redirect', (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(), /answers 302/],
    [
      'cut off',
      (_, response) => response.writeHead(200, { 'content-length': 99 }).write('{"se', () => response.destroy()),
      /cut off|aborted|hang up/,
    ],
  ])('an answer that is %s is a failure', async (_, listener, message) => {
    const { said } = follow({ url: await serve(listener) });
    await until(() => said.length === 1);
    expect(said[0]).toMatchObject({ message: expect.stringMatching(message) });
  });

  test('an answer that is huge, or never ends, is given up', async () => {
    const chunk = Buffer.alloc(1024 * 1024, ' ');
    const huge = follow({
      url: await serve((_, response) => {
        const more = (): void => {
          while (!response.destroyed && response.write(chunk));
        };
        response.on('drain', more);
        more();
      }),
    });
    await until(() => huge.said.length === 1);
    expect(huge.said[0]).toMatchObject({ code: 'ERR_KWIK_PACKET_TOO_LARGE' });
    const url = new URL(await serve((_, response) => response.write('{')));
    const { signal } = new AbortController();
    const slow = boundedRequest({ url, method: 'GET', timeoutMs: 100, signal });
    await expect(slow).rejects.toMatchObject({ code: 'ERR_KWIK_TIMEOUT' });
  });

  test('one wrong server does not spoil the others', async () => {
    const servers = [{ addresses: ['a.test:1'] }, { addresses: [] }, { addresses: ['b.test:1'], weight: 'x' }, 7];
    const { said } = follow({ url: await serve((_, response) => response.end(JSON.stringify(servers))) });
    await until(() => said.length === 1);
    expect(said[0]).toMatchObject({ servers: [{ record: { addresses: ['a.test:1'] } }] });
    expect((said[0] as DiscoverySnapshot).problems).toHaveLength(3);
  });
});

describe('the registry as a server', () => {
  test('refuses what is wrong, and says why', async () => {
    const url = await serve(registry().api);
    const put = (id: string, body: string) => fetch(`${url}v1/services/films/servers/${id}`, { method: 'PUT', body });
    const asked = async (promise: Promise<Response>) => [(await promise).status, await (await promise).text()];
    expect(await asked(put('a', '{'))).toEqual([400, '{"error":"the body is no JSON"}']);
    expect(await asked(put('a', '{"addresses":["b:1"],"serverId":"b"}'))).toEqual([
      400,
      `{"error":"the record is of 'b', not of 'a'"}`,
    ]);
    expect((await asked(put('a', `{"addresses":["${'x'.repeat(70_000)}:1"]}`)))[0]).toBe(413);
    expect((await fetch(`${url}v1/services/films/servers`, { method: 'DELETE' })).status).toBe(405);
    expect((await fetch(`${url}v1/services/${encodeURIComponent('a/b')}/servers`)).status).toBe(404);
    expect((await fetch(`${url}%ff`)).status).toBe(404);
  });

  test('forgets who stops renewing, and answers 304 to whom it has told', async () => {
    const { api, store } = registry();
    const url = `${await serve(api)}v1/services/films/servers`;
    await fetch(`${url}/a.test:1`, { method: 'PUT', body: '{"addresses":["a.test:1"],"ttlMs":300}' });
    const first = await fetch(url);
    const headers = { 'if-none-match': first.headers.get('etag')! };
    expect((await fetch(url, { headers })).status).toBe(304);
    const changed = await fetch(`${url}?wait=20`, { headers });
    expect([changed.status, await changed.json()]).toEqual([200, { servers: [] }]);
    expect(store.list('films')).toEqual([]);
  });
});

describe('readers of a long list', () => {
  /** Nine kilobytes each. */
  function longList(store: AnnouncedServers, count: number): void {
    const attributes = Object.fromEntries(Array.from({ length: 32 }, (_, n) => [`name-${n}`, 'x'.repeat(250)]));
    for (let n = 0; n < count; n++) store.put('films', `s${n}`, record(`s${n}`, { attributes }), 60_000);
  }

  test('that take nothing cost a few pieces of it each, and are let go', async () => {
    const clock = new VirtualClock();
    const store = new AnnouncedServers(clock);
    longList(store, 900);
    const responses: ServerResponse[] = [];
    const api = registryApi({ store, clock });
    const url = await serve((request, response) => {
      responses.push(response);
      api(request, response);
    });
    const sockets = Array.from({ length: 10 }, () => connect(Number(new URL(url).port), '127.0.0.1'));
    for (const socket of sockets) {
      closers.push(() => socket.destroy());
      socket.on('error', () => undefined).pause();
      socket.write('GET /v1/services/films/servers HTTP/1.1\r\nhost: registry\r\n\r\n');
    }
    await until(() => responses.length === 10 && responses.every(({ writableNeedDrain }) => writableNeedDrain));
    for (const { writableLength } of responses) expect(writableLength).toBeLessThan(200_000);
    clock.advanceBy(25_000);
    await until(() => responses.every(({ destroyed }) => destroyed));
  });

  test('get all of it, each version made once, and none is told that a list is of before', async () => {
    const { api, store } = registry();
    longList(store, 50);
    let made = 0;
    const list = store.list.bind(store);
    store.list = (service) => {
      made++;
      return list(service);
    };
    const url = `${await serve(api)}v1/services/films/servers`;
    const lengthOf = async () => ((await (await fetch(url)).json()) as { servers: object[] }).servers.length;
    expect(await Promise.all([lengthOf(), lengthOf(), lengthOf()])).toEqual([50, 50, 50]);
    expect(made).toBe(1);
    store.remove('films', 's0');
    expect([await lengthOf(), made]).toEqual([49, 2]);
  });

  test('are never shown a number of a version twice, however many services came meanwhile', () => {
    const { store } = registry();
    const seen = new Set<number>();
    for (let round = 0; round < 3; round++) {
      store.put('films', 'a', record('a', { load: round / 10 }), 60_000);
      expect(seen.has(store.version('films'))).toBe(false);
      seen.add(store.version('films'));
      for (let n = 0; n < 600; n++) {
        store.put(`other-${round}-${n}`, 'x', record('x'), 60_000);
        store.remove(`other-${round}-${n}`, 'x');
      }
      // Forgotten, it has another number, so that readers ask for it once more.
      expect(seen.has(store.version('films'))).toBe(false);
      seen.add(store.version('films'));
    }
  });
});
