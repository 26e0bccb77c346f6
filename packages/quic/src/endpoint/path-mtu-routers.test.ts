import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { makeAuthority } from '../test-support/certificates.js';
import { namespacesMissing, RoutedNetwork } from '../test-support/namespaces.js';
import { TestServer, transfer, transferUntil, TransportProbe } from '../test-support/peers.js';
import { Endpoint } from './endpoint.js';

const BYTES = 1_000_000;

const missing = namespacesMissing();
let network: RoutedNetwork;
const open: AsyncDisposable[] = [];

beforeEach(() => {
  if (missing === undefined) network = RoutedNetwork.create();
});
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
  if (missing === undefined) network[Symbol.dispose]();
});

/** A test where this machine can do it; elsewhere it counts as skipped, under a name that says why. */
function testThere(name: string, work: (version: 4 | 6) => Promise<void>, versions: readonly (4 | 6)[] = [4, 6]): void {
  if (missing === undefined) test.each(versions)(`${name} (IPv%i)`, work);
  // eslint-disable-next-line no-restricted-syntax -- the gate counts it, and a machine without root cannot run it
  else test.skip(`${name} (${missing})`, () => undefined);
}

interface Ends {
  readonly client: TransportProbe;
  readonly server: TransportProbe;
}

async function connect(version: 4 | 6): Promise<Ends> {
  const host = network.address('server', version);
  const authority = await makeAuthority();
  const serverEndpoint = { host, resources: network.resourcesAt('server') };
  const server = await TestServer.start({ serverEndpoint }, authority, await authority.issue({ names: [host] }));
  const ownHost = network.address('client', version);
  const client = await Endpoint.bind({ host: ownHost, resources: network.resourcesAt('client') });
  open.push(server, client);
  // The probe for a closed port would look for it outside of the namespace.
  const dialled = await client.dial(server.dialOptions({ dial: { host, awaitServer: true, timeoutMs: 20_000 } }));
  return { client: new TransportProbe(dialled), server: await server.nextConnection() };
}

const headers = (version: 4 | 6): number => (version === 4 ? 28 : 48);
const sizes = ({ client, server }: Ends): number[] =>
  [client, server].map(({ transport }) => transport.stats().datagramBytes);

/** Both ends have found out that the path carries 1500 bytes. */
async function findWhole(version: 4 | 6): Promise<Ends> {
  const ends = await connect(version);
  const whole = 1500 - headers(version);
  await transferUntil(() => Math.min(...sizes(ends)) === whole, ends.client, ends.server, BYTES);
  expect(sizes(ends)).toEqual([whole, whole]);
  return ends;
}

testThere('a path of 1500 bytes is used whole', async (version) => {
  await findWhole(version);
  expect(network.fragments()).toBe(0);
});

testThere('a hop of 1400 bytes is found out, and nobody cuts a packet for it', async (version) => {
  network.setMiddleMtu(1400);
  const ends = await connect(version);
  await transferUntil(() => Math.min(...sizes(ends)) > 1300, ends.client, ends.server, BYTES);
  for (const bytes of sizes(ends)) {
    expect(bytes).toBeGreaterThan(1300);
    expect(bytes).toBeLessThanOrEqual(1400 - headers(version));
  }
  expect(network.fragments()).toBe(0);
});

testThere('a hop of 1280 bytes, the least of IPv6, is as well', async (version) => {
  network.setMiddleMtu(1280);
  const ends = await connect(version);
  await transfer(ends.client, ends.server, BYTES);
  await transfer(ends.server, ends.client, BYTES);
  expect(Math.max(...sizes(ends))).toBeLessThanOrEqual(1280 - headers(version));
  expect(network.fragments()).toBe(0);
});

testThere('a hop that shrinks in the midst of transfers is noticed, and they go on', async (version) => {
  const ends = await findWhole(version);
  const shrink = (): void => network.setMiddleMtu(1280);
  await Promise.all([
    transfer(ends.client, ends.server, BYTES, shrink),
    transfer(ends.server, ends.client, BYTES, shrink),
  ]);
  await transfer(ends.client, ends.server, BYTES);
  expect(Math.max(...sizes(ends))).toBeLessThanOrEqual(1280 - headers(version));
  expect(network.fragments()).toBe(0);
});

testThere(
  'an interface that shrinks is noticed, too: what the system refuses to send is lost, and ends nothing',
  async (version) => {
    const ends = await findWhole(version);
    await transfer(ends.client, ends.server, BYTES, () => network.setOwnMtu('client', 1280));
    // The rest of that one may have left before.
    await transfer(ends.client, ends.server, BYTES);
    await transfer(ends.server, ends.client, BYTES);
    expect(sizes(ends)[0]).toBeLessThanOrEqual(1280 - headers(version));
    expect([ends.client.closeCalls, ends.server.closeCalls]).toEqual([0, 0]);
    expect(network.fragments()).toBe(0);
  },
);

async function dialTooSmall(version: 4 | 6): Promise<void> {
  network.setOwnMtu('client', 1200);
  await expect(connect(version)).rejects.toMatchObject({
    code: 'ERR_KWIK_CONNECT_FAILED',
    message: expect.stringContaining('takes no datagrams of 1200 bytes'),
  });
}
// No interface of IPv6 may be so small.
testThere('an interface that takes no datagrams of QUIC is named by the dial', dialTooSmall, [4]);
