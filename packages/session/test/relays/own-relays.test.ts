import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  pskClientAuth,
  pskServerAuth,
  type Listener,
  type ListenOptions,
  type PathInfo,
  type Session,
} from '@kwik/session';
import { until } from '@kwik/testbed';
import { developmentCertificate } from '../../src/credentials/dev-authority.js';
import { addressOf, Harness, pattern } from '../harness.js';

let harness: Harness;

beforeEach(async () => {
  harness = await Harness.create();
});

afterEach(() => harness.close());

const KEY = new Uint8Array(32).fill(7);

function listenAsRelay(options: ListenOptions = {}): Promise<Listener> {
  return harness.listen({ relay: { anchors: ['127.0.0.1', '::1'], forClients: true }, ...options });
}

function relayed(session: Session): PathInfo[] {
  return session.getActivePaths().filter(({ via }) => via !== undefined);
}

/** Reachable over IPv4, and able to reach IPv6: what a client that is bound to IPv4 is not. */
async function relayOfBothFamilies(): Promise<string> {
  const { certPem: cert, keyPem: key } = await developmentCertificate(['127.0.0.1', '::1']);
  const listener = await listenAsRelay({ host: '::', credentials: { cert, key } });
  return `127.0.0.1:${listener.address().port}`;
}

async function echo(client: Session, listener: Listener): Promise<void> {
  const server = await listener.accept();
  const stream = client.openStream();
  const payload = pattern(200_000);
  await stream.write(payload);
  void stream.close();
  const far = await server.acceptStream();
  const chunks: Uint8Array[] = [];
  for await (const chunk of far) chunks.push(chunk);
  expect(Buffer.compare(Buffer.concat(chunks), payload)).toBe(0);
}

describe('a client that chose relays', () => {
  test('has a path through two of three, and the third takes the place of one that is killed', async () => {
    const relays = await Promise.all([listenAsRelay(), listenAsRelay(), listenAsRelay()]);
    const byAddress = new Map(relays.map((relay) => [addressOf(relay), relay]));
    const { client } = await harness.pair(
      {},
      { paths: { relays: [...byAddress.keys()].map((address) => ({ address })) } },
    );
    await until(() => relayed(client).length === 2);
    const before = relayed(client).map(({ via }) => via);
    await byAddress.get(before[0]!)?.close({ force: true });
    await until(() => relayed(client).length === 2 && !relayed(client).some(({ via }) => via === before[0]));
    expect(client.getActivePaths().filter(({ via }) => via === undefined)).toHaveLength(1);
  }, 60_000);

  test('is told once why one of them is not reached, and goes on without it', async () => {
    const relay = await listenAsRelay();
    const gone = await listenAsRelay();
    await gone.close({ force: true });
    const refusals: [address: string, code: string][] = [];
    const { client } = await harness.pair(
      {},
      {
        paths: {
          relays: [{ address: addressOf(gone) }, { address: addressOf(relay) }],
          onRefused: ({ address, error }) => void refusals.push([address, error.code]),
        },
      },
    );
    await until(() => relayed(client).length === 1 && refusals.length > 0);
    expect(refusals).toEqual([[addressOf(gone), 'ERR_KWIK_CONNECT_FAILED']]);
  });

  test('moves to the third when one drains, whose path is left and not lost', async () => {
    const relays = await Promise.all([listenAsRelay(), listenAsRelay(), listenAsRelay()]);
    const byAddress = new Map(relays.map((relay) => [addressOf(relay), relay]));
    const { client } = await harness.pair(
      {},
      { paths: { relays: [...byAddress.keys()].map((address) => ({ address })) } },
    );
    await until(() => relayed(client).length === 2);
    const leaving = relayed(client)[0]!.via!;
    const counts: number[] = [];
    client.onPathChange(() => counts.push(relayed(client).length));
    await byAddress.get(leaving)?.close();
    await until(() => relayed(client).length === 2 && !relayed(client).some(({ via }) => via === leaving));
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(1);
    const left = client.getDeadPaths().find(({ via }) => via === leaving);
    expect(left?.reason).toBe('its relay is about to stop');
  }, 60_000);

  test('reaches a primary through one that it cannot reach directly', async () => {
    const address = await relayOfBothFamilies();
    const listener = await harness.listen({ host: '::1' });
    const paths = { localAddress: '127.0.0.1', relays: [{ address }] };
    const client = await harness.dial(`[::1]:${listener.address().port}`, { paths });
    expect(client.getAllPaths()[0]).toMatchObject({ id: 0, primary: true, via: address });
    await echo(client, listener);
  }, 60_000);

  test('is told why the primary was not reached, when no relay leads there either', async () => {
    const elsewhere = await listenAsRelay({ relay: { anchors: ['192.0.2.1'], forClients: true } });
    const notForClients = await listenAsRelay({ relay: { anchors: ['127.0.0.1'] } });
    const paths = { relays: [elsewhere, notForClients].map((relay) => ({ address: addressOf(relay) })) };
    await expect(harness.dial('127.0.0.1:1', { paths, timeouts: { dialMs: 4000 } })).rejects.toMatchObject({
      code: expect.stringMatching(/ERR_KWIK_(CONNECT_FAILED|TIMEOUT)/),
      message: expect.stringContaining('127.0.0.1:1'),
    });
    expect(elsewhere.stats().relay.connections + notForClients.stats().relay.connections).toBe(0);
  }, 60_000);

  test('authenticates to a relay as that wants, and shows it nothing that is for the primary', async () => {
    const strict = await listenAsRelay({
      auth: [pskServerAuth({ keys: new Map([['r', KEY]]) })],
    });
    const auth = [pskClientAuth({ name: 'r', key: KEY })];
    const refused = await harness.pair({}, { paths: { relays: [{ address: addressOf(strict) }] } });
    const { client } = await harness.pair({}, { paths: { relays: [{ address: addressOf(strict), auth }] } });
    await until(() => relayed(client).length === 1);
    await until(() => (strict.stats().refused.ERR_KWIK_AUTH_FAILED ?? 0) > 0);
    expect(relayed(refused.client)).toEqual([]);
  }, 60_000);
});
