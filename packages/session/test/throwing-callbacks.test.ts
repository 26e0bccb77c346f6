import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { bearerClientAuth, bearerServerAuth, type ListenOptions, type ReplicaSource } from '@kwik/session';
import { addressOf, fetchContent, Harness, pattern, serveContent, sourceOf } from './harness.js';

/** For machines that do much else at the time. */
jest.setTimeout(60_000);

/** What the application hands over may throw: that must end nothing but what asked, and least of all the process. */
let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

const fail = (): never => {
  throw new Error('a mistake of the application');
};

const content = pattern(2_000_000);

test.each<[string, NonNullable<ListenOptions['onRefused']>]>([
  ['throws', fail],
  ['rejects', (): Promise<never> => Promise.reject(new Error('a mistake of the application'))],
])('onRefused that %s: the next client is served', async (_name, onRefused) => {
  const auth = [bearerServerAuth((token) => ({ accepted: token === 'right' }))];
  const listener = await harness.listen({ auth, onRefused });
  const refused = harness.dial(listener, { auth: [bearerClientAuth('wrong')] });
  await expect(refused).rejects.toMatchObject({ code: 'ERR_KWIK_AUTH_FAILED' });
  await harness.dial(listener, { auth: [bearerClientAuth('right')] });
  expect((await listener.accept()).role).toBe('primary');
  expect(listener.stats()).toMatchObject({ opened: 1, callbackErrors: { onRefused: 1 } });
});

test('the check of an authenticator that throws refuses, and the application is told', async () => {
  const listener = await harness.listen({ auth: [bearerServerAuth(fail)] });
  const refused = harness.dial(listener, { auth: [bearerClientAuth('any')] });
  await expect(refused).rejects.toMatchObject({ code: 'ERR_KWIK_AUTH_FAILED' });
  expect(listener.stats().callbackErrors).toEqual({ 'the check of an authenticator': 1 });
});

test('listeners of paths that throw at both ends: paths come, and bytes go over them', async () => {
  const { client, server, listener } = await harness.pair({ replica: () => sourceOf(content) });
  const peer = await harness.listen({ replica: () => sourceOf(content) });
  client.onPathChange(fail);
  server.onPathChange(fail);
  await server.addPath(addressOf(peer));
  void serveContent(server, 'film', content);
  expect(Buffer.from(await fetchContent(client)).equals(content)).toBe(true);
  expect(listener.stats().callbackErrors['onPathChange']).toBeGreaterThan(0);
});

const rotten: ReplicaSource = { size: BigInt(content.length), read: fail, close: fail };

test.each<[string, NonNullable<ListenOptions['replica']>, Record<string, number>]>([
  ['replica', fail, { replica: 1 }],
  ['read and close of a source', () => rotten, { 'read of a source': 1, 'close of a source': 1 }],
])('%s that throw at another server: the primary serves it all', async (_name, replica, errors) => {
  const { client, server } = await harness.pair();
  const peer = await harness.listen({ replica });
  await server.addPath(addressOf(peer));
  void serveContent(server, 'film', content);
  expect(Buffer.from(await fetchContent(client)).equals(content)).toBe(true);
  expect(peer.stats()).toMatchObject({ sessions: 1, callbackErrors: errors });
});

test('paths.resolve that throws: the path does not come, and the session goes on', async () => {
  const { client, server } = await harness.pair({}, { paths: { resolve: fail } });
  const peer = await harness.listen();
  await expect(server.addPath(addressOf(peer))).rejects.toThrow();
  void serveContent(server, 'film', content);
  expect(Buffer.from(await fetchContent(client)).equals(content)).toBe(true);
});

test('a scheduler that throws ends its session with that error, and no other', async () => {
  const { client, server, listener } = await harness.pair(
    { writes: { scheduler: () => ({ name: 'broken', select: fail }) } },
    { paths: { localAddresses: ['127.0.0.1'] } },
  );
  const second = new Promise<void>((resolve) => {
    client.onPathChange(() => client.getActivePaths().length > 1 && resolve());
  });
  if (client.getActivePaths().length < 2) await second;
  await server
    .openStream({ unidirectional: true })
    .write('over which path?')
    .catch(() => undefined);
  expect(await server.closed).toMatchObject({ by: 'error', error: { message: 'a mistake of the application' } });
  await harness.dial(listener);
  expect((await listener.accept()).role).toBe('primary');
});
