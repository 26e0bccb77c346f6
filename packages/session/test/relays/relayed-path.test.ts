import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Listener, ListenOptions, PathInfo, Session, Stream } from '@kwik/session';
import { until } from '@kwik/testbed';
import { addressOf, Harness, pattern } from '../harness.js';

let harness: Harness;

beforeEach(async () => {
  harness = await Harness.create();
});

afterEach(() => harness.close());

function listenAsRelay(options: ListenOptions = {}): Promise<Listener> {
  return harness.listen({ relay: { anchors: ['127.0.0.1'] }, ...options });
}

function relayedPaths(session: Session): PathInfo[] {
  return session.getActivePaths().filter(({ via }) => via !== undefined);
}

async function readBytes(stream: Stream, bytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for (let left = bytes; left > 0; ) {
    const chunk = await stream.read();
    if (chunk === null) break;
    chunks.push(chunk);
    left -= chunk.length;
  }
  return new Uint8Array(Buffer.concat(chunks));
}

const DISTRIBUTED = { writes: { routing: 'distributed' } } as const;

describe('a path by way of a relay', () => {
  test('leads to the primary, and carries bytes both ways, exactly', async () => {
    const relay = await listenAsRelay();
    const { client, server } = await harness.pair({}, DISTRIBUTED);
    await server.addPath(addressOf(relay), { capabilities: ['relay'] });
    await until(() => relayedPaths(client).length === 1);
    const [path] = relayedPaths(client);
    expect(path).toMatchObject({ primary: true, via: addressOf(relay), state: 'active' });
    // From here on the relayed path is the only one that carries anything.
    client.suspendPath(0);
    server.suspendPath(0);
    const stream = client.openStream();
    const payload = pattern(3_000_000);
    await stream.write(payload.subarray(0, 1));
    const far = await server.acceptStream();
    const [sent] = await Promise.all([readBytes(far, payload.length), stream.write(payload.subarray(1))]);
    expect(Buffer.compare(sent, payload)).toBe(0);
    const [received] = await Promise.all([readBytes(stream, payload.length), far.write(payload)]);
    expect(Buffer.compare(received, payload)).toBe(0);
    expect(client.getAllPaths().find(({ id }) => id === path?.id)?.sentBytes).toBeGreaterThan(2_500_000);
    expect(relay.stats().relay).toMatchObject({ connections: 1, dropped: { address: 0, rate: 0, bytes: 0 } });
    expect(relay.stats().relay.forwardedBytes).toBeGreaterThan(5_000_000);
  }, 60_000);

  test('dies with its relay, at once when that says so, and the session goes on', async () => {
    const relay = await listenAsRelay();
    const { client, server } = await harness.pair({}, DISTRIBUTED);
    await server.addPath(addressOf(relay), { capabilities: ['relay'], reconnect: false });
    await until(() => relayedPaths(client).length === 1);
    const stream = client.openStream();
    const payload = pattern(6_000_000);
    await stream.write(payload.subarray(0, 1_000_000));
    const far = await server.acceptStream();
    const writing = stream.write(payload.subarray(1_000_000));
    const reading = readBytes(far, payload.length);
    await relay.close({ force: true });
    await until(() => relayedPaths(client).length === 0);
    const [sent] = await Promise.all([reading, writing]);
    expect(Buffer.compare(sent, payload)).toBe(0);
    expect(client.getDeadPaths().find(({ via }) => via !== undefined)?.reason).toMatch(/its relay .* is lost/);
  }, 60_000);
});
