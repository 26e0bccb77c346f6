import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createLinks, type EmulatedLink } from '@kwik/testbed';
import type { Session, Stream } from '@kwik/session';
import { developmentCertificate } from '../src/credentials/dev-authority.js';
import { FIRST_CLIENT_PATH_ID } from '../src/limits.js';
import { addressOf, echoes, fetchContent, Harness, pattern, readAll, serveContent } from './harness.js';

/** For machines that do much else at the time. */
jest.setTimeout(60_000);

const MB = 1024 * 1024;
const LINK = { rateBitsPerSecond: 100e6, delayMs: 2, queueBytes: 200_000 };

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

function whenState(session: Session, pathId: number, state: string): Promise<void> {
  return new Promise((resolve) => {
    const end = session.onPathChange((path) => {
      if (path.id !== pathId || path.state !== state) return;
      end();
      resolve();
    });
  });
}

/** Reads to the end. The link is cut when 1 MB is there, and whole again when the client has given its path up. */
async function readOverCut(stream: Stream, client: Session, link: EmulatedLink): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let received = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    received += chunk.length;
    if (received - chunk.length >= MB || received < MB) continue;
    const dead = whenState(client, 0, 'dead');
    link.cut();
    void dead.then(() => link.heal());
  }
  return Buffer.concat(chunks);
}

describe('a session whose only path is lost', () => {
  test('goes on where it was when the path comes back within the recovery time', async () => {
    const listener = await harness.listen();
    const target = { host: '127.0.0.1', port: listener.address().port };
    const { links, close } = await createLinks({ primary: { target, both: LINK } }, { isolated: true });
    harness.onClose(close);
    const [client, server] = await Promise.all([harness.dial(links.primary.address()), listener.accept()]);
    echoes(server);
    const idle = client.openStream();
    const sent = pattern(3 * MB);
    const stream = client.openStream();
    const writing = (async () => {
      for (let at = 0; at < sent.length; at += 50_000) await stream.write(sent.subarray(at, at + 50_000));
      await stream.close();
    })();
    const states: string[] = [];
    client.onPathChange((path) => void states.push(path.state));
    const received = await readOverCut(stream, client, links.primary);
    await writing;
    expect(received.equals(sent)).toBe(true);
    expect(states).toEqual(expect.arrayContaining(['suspected', 'dead', 'recovering', 'active']));
    expect(client.getAllPaths()).toMatchObject([{ id: 0, state: 'active', primary: true }]);
    // A stream that carried nothing before works as well, and so does one of the server's.
    await idle.write('still here');
    await idle.close();
    expect(Buffer.from(await readAll(idle)).toString()).toBe('still here');
    const [own, theirs] = [server.openStream(), client.acceptStream()];
    await own.write('hello');
    expect(Buffer.from((await (await theirs).read())!).toString()).toBe('hello');
  });

  test('with content under way: the primary goes on with digests where the client has them', async () => {
    const listener = await harness.listen();
    const target = { host: '127.0.0.1', port: listener.address().port };
    const { links, close } = await createLinks({ primary: { target, both: LINK } }, { isolated: true });
    harness.onClose(close);
    const [client, server] = await Promise.all([harness.dial(links.primary.address()), listener.accept()]);
    const content = pattern(6 * MB, 7);
    void serveContent(server, 'film', content);
    const stream = client.openStream();
    await stream.write('get');
    const received = await readOverCut(stream, client, links.primary);
    expect(received.equals(content)).toBe(true);
    expect(Buffer.from(await fetchContent(client)).equals(content)).toBe(true);
  });

  test('ends, both ends and all that waits, when it does not come back', async () => {
    const listener = await harness.listen({ timeouts: { recoveryMs: 300 } });
    const target = { host: '127.0.0.1', port: listener.address().port };
    const { links, close } = await createLinks({ primary: { target, both: LINK } }, { isolated: true });
    harness.onClose(close);
    const [client, server] = await Promise.all([
      harness.dial(links.primary.address(), { timeouts: { recoveryMs: 300 } }),
      listener.accept(),
    ]);
    const reading = client.openStream().read();
    links.primary.cut();
    await expect(reading).rejects.toMatchObject({ code: 'ERR_KWIK_NO_PATH' });
    expect(await client.closed).toMatchObject({ by: 'error', error: { code: 'ERR_KWIK_NO_PATH' } });
    expect(await server.closed).toMatchObject({ by: 'error', error: { code: 'ERR_KWIK_NO_PATH' } });
  });

  test('ends at once when the server that answers knows nothing of it', async () => {
    // The same server, as far as its key tells: one that was started again.
    const { keyPem: key, certPem: cert, ca } = await developmentCertificate(['127.0.0.1']);
    const options = { credentials: { key, cert }, trust: { ca } };
    const [listener, other] = [await harness.listen(options), await harness.listen(options)];
    const target = { host: '127.0.0.1', port: listener.address().port };
    const { links, close } = await createLinks({ primary: { target, both: LINK } }, { isolated: true });
    harness.onClose(close);
    const client = await harness.dial(links.primary.address(), { paths: { alternatives: [addressOf(other)] } });
    await listener.accept();
    links.primary.cut();
    expect(await client.closed).toMatchObject({
      by: 'error',
      error: { code: 'ERR_KWIK_NO_PATH', cause: { code: 'ERR_KWIK_SESSION_NOT_FOUND' } },
    });
  });
});

describe('several local addresses', () => {
  test('carry one stream over all of them', async () => {
    const listener = await harness.listen();
    const [client, server] = await Promise.all([
      harness.dial(listener, {
        paths: { localAddresses: ['127.0.0.2', '127.0.0.3'] },
        writes: { routing: 'distributed' },
      }),
      listener.accept(),
    ]);
    const three = (): boolean => client.getActivePaths().length === 3;
    await new Promise<void>((resolve) => {
      if (three()) resolve();
      else client.onPathChange(() => three() && resolve());
    });
    echoes(server);
    const sent = pattern(8 * MB);
    const stream = client.openStream();
    const writing = (async () => {
      for (let at = 0; at < sent.length; at += 50_000) await stream.write(sent.subarray(at, at + 50_000));
      await stream.close();
    })();
    const received = await readAll(stream);
    await writing;
    expect(Buffer.from(received).equals(sent)).toBe(true);
    for (const path of client.getActivePaths()) {
      expect(path.primary).toBe(true);
      expect(path.sentBytes).toBeGreaterThan(100_000);
      expect(path.receivedBytes).toBeGreaterThan(100_000);
    }
    expect(server.getActivePaths()).toHaveLength(3);
  });
});

describe('a path to another server', () => {
  test('that is lost is connected again under its number, at an alternative if need be', async () => {
    const [primary, peer, other] = [await harness.listen(), await harness.listen(), await harness.listen()];
    const target = { host: '127.0.0.1', port: peer.address().port };
    const { links, close } = await createLinks({ peer: { target, both: LINK } }, { isolated: true });
    harness.onClose(close);
    const resolve = (address: string): string => (address === addressOf(peer) ? links.peer.address() : address);
    const [client, server] = await Promise.all([harness.dial(primary, { paths: { resolve } }), primary.accept()]);
    const path = await server.addPath(addressOf(peer), { alternatives: [addressOf(other)] });
    expect(path).toMatchObject({ id: 1, state: 'active', address: addressOf(peer) });
    const seen: string[] = [];
    server.onPathChange(({ id, state, address }) => {
      if (id === 1) seen.push(`${state} ${address}`);
    });
    const again = new Promise<void>((resolve) => {
      server.onPathChange(({ id, state, address }) => {
        if (id === 1 && state === 'active' && address === addressOf(other)) resolve();
      });
    });
    links.peer.cut();
    await again;
    expect(seen).toEqual(expect.arrayContaining([`dead ${addressOf(peer)}`, `recovering ${addressOf(other)}`]));
    expect(client.getAllPaths()).toMatchObject([{ id: 0 }, { id: 1, state: 'active', address: addressOf(other) }]);
    await server.removePath(1);
    expect(server.getDeadPaths()).toMatchObject([{ id: 1, errorCode: 'ERR_KWIK_PATH_REMOVED' }]);
    await expect(server.removePath(1)).rejects.toMatchObject({ code: 'ERR_KWIK_PATH_DEAD' });
  });

  test('that is removed delivers first what its server has written', async () => {
    const [primary, peer] = [await harness.listen(), await harness.listen()];
    const target = { host: '127.0.0.1', port: peer.address().port };
    const slow = { rateBitsPerSecond: 8e6, delayMs: 5, queueBytes: 100_000 };
    const { links, close } = await createLinks({ peer: { target, both: slow } }, { isolated: true });
    harness.onClose(close);
    const [client, server] = await Promise.all([
      harness.dial(primary, { paths: { resolve: () => links.peer.address() } }),
      primary.accept(),
    ]);
    const [{ id }, secondary] = await Promise.all([
      server.addPath(addressOf(peer), { capabilities: ['contribute'] }),
      peer.accept(),
    ]);
    const sent = pattern(500_000);
    const stream = server.openStream({ unidirectional: true });
    stream.skip(BigInt(sent.length));
    const accepted = await client.acceptStream();
    await server.grantContribution(id, stream.id, [{ offset: 0n, length: BigInt(sent.length) }]);
    await secondary.contribute(stream.id).writeAt(0n, sent);
    const received = readAll(accepted);
    await server.removePath(id, 'no longer needed');
    expect(await secondary.closed).toMatchObject({ reason: 'the primary removed this path' });
    await stream.close();
    expect(Buffer.from(await received).equals(sent)).toBe(true);
    expect(client.getDeadPaths()).toMatchObject([{ id, reason: 'no longer needed' }]);
  });

  test('that is being added when the session ends is not waited for', async () => {
    const [primary, peer] = [await harness.listen(), await harness.listen()];
    const target = { host: '127.0.0.1', port: peer.address().port };
    const { links, close } = await createLinks({ peer: { target, both: LINK } }, { isolated: true });
    harness.onClose(close);
    links.peer.cut();
    const asked = new Promise<string>((resolve) => {
      const redirected = (): string => {
        resolve('asked');
        return links.peer.address();
      };
      void harness.dial(primary, { paths: { resolve: redirected } }).then((client) => {
        void asked.then(() => client.close());
      });
    });
    const server = await primary.accept();
    await expect(server.addPath(addressOf(peer))).rejects.toMatchObject({ code: 'ERR_KWIK_SESSION_CLOSED' });
  });

  test('that is set aside carries nothing until it is resumed', async () => {
    const { listener, client, server } = await harness.pair({}, { paths: { localAddresses: ['127.0.0.2'] } });
    expect(listener.address().family).toBe('IPv4');
    const second = FIRST_CLIENT_PATH_ID;
    if (client.getActivePaths().length < 2) await whenState(client, second, 'active');
    echoes(server);
    client.suspendPath(0, 'metered');
    expect(client.getAllPaths()[0]).toMatchObject({ id: 0, state: 'suspended' });
    const before = client.getAllPaths()[0]!.sentBytes;
    const stream = client.openStream();
    expect(stream.pathId).toBe(second);
    await stream.write(pattern(100_000));
    await stream.close();
    expect((await readAll(stream)).length).toBe(100_000);
    expect(client.getAllPaths()[0]!.sentBytes).toBe(before);
    client.resumePath(0);
    expect(client.getAllPaths()[0]).toMatchObject({ id: 0, state: 'active' });
    expect(() => client.resumePath(0)).toThrow(expect.objectContaining({ code: 'ERR_KWIK_INVALID_STATE' }));
    expect(() => client.suspendPath(77)).toThrow(expect.objectContaining({ code: 'ERR_KWIK_PATH_NOT_FOUND' }));
  });
});
