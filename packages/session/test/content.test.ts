import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { listen, type Listener, type ReplicaSource, type ServerSession, type Session } from '@kwik/session';
import { createLinks } from '@kwik/testbed';
import { addressOf, fetchContent, Harness, pattern, serveContent, sourceOf } from './harness.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(async () => {
  await harness.close();
});

const content = pattern(3_000_000, 11);

async function replica(source: ReplicaSource | undefined = sourceOf(content)): Promise<Listener> {
  return harness.listen({ replica: (key) => (key === 'film' ? source : undefined) });
}

/** A client whose primary has the content, and the further servers as paths. */
async function session(peers: Listener[]): Promise<{ client: Session; server: ServerSession }> {
  const { client, server } = await harness.pair();
  await Promise.all(peers.map((peer) => server.addPath(addressOf(peer))));
  void serveContent(server, 'film', content);
  return { client, server };
}

/** Resolves when so many paths of the session are dead. */
function deadPaths(client: Session, count: number): Promise<void> {
  return new Promise((resolve) => {
    const check = (): void => {
      if (client.getDeadPaths().length >= count) resolve();
    };
    client.onPathChange(check);
    check();
  });
}

describe('multi-source streams (K10, V1.3, V6.3)', () => {
  test('content comes from all servers at once, in order, exact', async () => {
    const { client } = await session([await replica(), await replica()]);
    expect(Buffer.from(await fetchContent(client)).equals(content)).toBe(true);
    for (const path of client.getAllPaths()) expect(path.receivedBytes).toBeGreaterThan(0);
  });

  test('with one server it is a plain transfer (V1.4)', async () => {
    const { client } = await session([]);
    expect(Buffer.from(await fetchContent(client)).equals(content)).toBe(true);
  });

  test('content that is refused while other is under way harms neither that nor the end of the stream', async () => {
    const { client, server } = await harness.pair();
    const serving = (async () => {
      const stream = await server.acceptStream();
      await stream.read();
      const first = stream.sendFrom('film', sourceOf(content));
      const refusal = { code: 'ERR_KWIK_INVALID_STATE', message: expect.stringContaining('await it first') };
      await expect(stream.sendFrom('other', sourceOf(content), { end: true })).rejects.toMatchObject(refusal);
      await first;
      await stream.close();
    })();
    expect(Buffer.from(await fetchContent(client)).equals(content)).toBe(true);
    await serving;
  });

  test('of two contents that wait for what was written, the second is refused', async () => {
    const { client, server } = await harness.pair();
    const written = pattern(3_000_000, 9);
    const serving = (async () => {
      const stream = await server.acceptStream();
      await stream.read();
      const writing = stream.write(written);
      const first = stream.sendFrom('film', sourceOf(content));
      const refusal = { code: 'ERR_KWIK_INVALID_STATE', message: expect.stringContaining('await it first') };
      await expect(stream.sendFrom('other', sourceOf(content), { end: true })).rejects.toMatchObject(refusal);
      await Promise.all([writing, first]);
      await stream.close();
    })();
    expect(Buffer.from(await fetchContent(client)).equals(Buffer.concat([written, content]))).toBe(true);
    await serving;
  });

  test('small and empty content', async () => {
    const { client, server } = await harness.pair();
    const sizes = [0, 1, 65_536, 65_537, 200_000];
    void (async () => {
      for (const size of sizes) {
        const stream = await server.acceptStream();
        await stream.read();
        await stream.sendFrom('film', sourceOf(content.subarray(0, size)));
        await stream.close();
      }
    })().catch(() => undefined);
    for (const size of sizes) {
      expect(Buffer.from(await fetchContent(client)).equals(content.subarray(0, size))).toBe(true);
    }
  });

  test('a server that lies is dropped, its bytes fetched elsewhere, and the primary told', async () => {
    const wrong = content.slice();
    for (let at = 0; at < wrong.length; at += 50_000) wrong[at]! ^= 1;
    const liar = await replica(sourceOf(wrong));
    const { client, server } = await session([await replica(), liar]);
    const told = new Promise((resolve) =>
      server.onPathChange((path) => path.state === 'dead' && resolve(path.address)),
    );
    expect(Buffer.from(await fetchContent(client)).equals(content)).toBe(true);
    expect(client.getDeadPaths()).toMatchObject([{ address: addressOf(liar), errorCode: 'ERR_KWIK_SERVER_UNTRUSTED' }]);
    expect(await told).toBe(addressOf(liar));
  });

  test('servers without the content, with a shorter one, with a failing source, with one that never answers', async () => {
    const never: ReplicaSource = { size: BigInt(content.length), read: () => new Promise(() => undefined) };
    const failing: ReplicaSource = {
      size: BigInt(content.length),
      read: () => Promise.reject(new Error('the disk is gone')),
    };
    const nothing = await harness.listen({ replica: () => undefined });
    const shorter = await replica(sourceOf(content.subarray(0, 1_000_000)));
    const { client } = await session([nothing, shorter, await replica(failing), await replica(never)]);
    expect(Buffer.from(await fetchContent(client)).equals(content)).toBe(true);
    expect(client.getActivePaths()).toHaveLength(5);
  });

  test('a source that fails at the primary ends the stream with a clear error', async () => {
    const { client, server } = await harness.pair();
    const failing: ReplicaSource = { size: 1_000_000n, read: () => Promise.reject(new Error('the disk is gone')) };
    const serving = server.acceptStream().then(async (stream) => {
      await stream.read();
      await stream.sendFrom('film', failing);
    });
    const refused = expect(serving).rejects.toMatchObject({ code: 'ERR_KWIK_SOURCE_FAILED' });
    await expect(fetchContent(client)).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_KWIK_/) });
    await refused;
  });

  test('servers vanish and close in mid-transfer: time is lost, never bytes (V7.1)', async () => {
    const slow = { rateBitsPerSecond: 40e6, delayMs: 5, queueBytes: 200_000 };
    const [primary, vanishing, closing] = [
      await harness.listen(),
      await replica(),
      await listen({ replica: () => sourceOf(content) }),
    ];
    const servers = [primary, vanishing, closing];
    const link = (server: Listener) => ({ target: { host: '127.0.0.1', port: server.address().port }, both: slow });
    const shapes = { primary: link(primary), vanishing: link(vanishing), closing: link(closing) };
    const { links, close } = await createLinks(shapes, { isolated: true });
    harness.onClose(close);
    const names = ['primary', 'vanishing', 'closing'] as const;
    const via = new Map(servers.map((server, index) => [addressOf(server), links[names[index]!].address()]));
    const [client, server] = await Promise.all([
      harness.dial(via.get(addressOf(primary))!, { paths: { resolve: (address) => via.get(address)! } }),
      primary.accept(),
    ]);
    await Promise.all([vanishing, closing].map((peer) => server.addPath(addressOf(peer))));
    void serveContent(server, 'film', content);
    const stream = client.openStream();
    await stream.write('get');
    let at = 0;
    for await (const chunk of stream) {
      expect(Buffer.from(chunk).equals(content.subarray(at, at + chunk.length))).toBe(true);
      if (at < 1_000_000 && at + chunk.length >= 1_000_000) links.vanishing.cut();
      if (at < 2_000_000 && at + chunk.length >= 2_000_000) void closing.close();
      at += chunk.length;
    }
    expect(at).toBe(content.length);
    await deadPaths(client, 2);
  });

  test('content goes on without its primary, as far as digests have come', async () => {
    const slow = { rateBitsPerSecond: 40e6, delayMs: 5, queueBytes: 200_000 };
    const [primary, peer] = [await harness.listen(), await replica()];
    const link = (server: Listener) => ({ target: { host: '127.0.0.1', port: server.address().port }, both: slow });
    const { links, close } = await createLinks({ primary: link(primary), peer: link(peer) }, { isolated: true });
    harness.onClose(close);
    const [client, server] = await Promise.all([
      harness.dial(links.primary.address(), {
        paths: { resolve: () => links.peer.address() },
        // For the primary, which does not come back.
        timeouts: { recoveryMs: 1000 },
      }),
      primary.accept(),
    ]);
    await server.addPath(addressOf(peer));
    void serveContent(server, 'film', content);
    const stream = client.openStream();
    await stream.write('get');
    let at = 0;
    const reading = (async () => {
      for await (const chunk of stream) {
        expect(Buffer.from(chunk).equals(content.subarray(at, at + chunk.length))).toBe(true);
        if (at < 1_500_000 && at + chunk.length >= 1_500_000) links.primary.cut();
        at += chunk.length;
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_KWIK_(NO_PATH|SESSION_CLOSED)$/) });
    expect(at).toBe(content.length);
    expect(await client.closed).toMatchObject({ by: 'error', error: { code: 'ERR_KWIK_NO_PATH' } });
  });

  test('a reader that stops ends the transfer at all servers', async () => {
    const { client, server } = await harness.pair();
    const outcome = server.acceptStream().then(async (stream) => {
      await stream.read();
      await stream.sendFrom('film', sourceOf(content));
    });
    const refused = expect(outcome).rejects.toMatchObject({ code: 'ERR_KWIK_STREAM_STOPPED' });
    const stream = client.openStream();
    await stream.write('get');
    await stream.read();
    stream.stopSending();
    await refused;
  });

  test('two sessions with the same servers do not touch each other', async () => {
    const peers = [await replica(), await replica()];
    const sessions = [await session(peers), await session(peers)];
    const got = await Promise.all(sessions.map(({ client }) => fetchContent(client)));
    for (const bytes of got) expect(Buffer.from(bytes).equals(content)).toBe(true);
  });
});
