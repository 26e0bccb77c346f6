import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { listen, type KwikError } from '@kwik/session';
import { addressOf, fetchContent, Harness, pattern, readAll, serveContent, sourceOf } from './harness.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(async () => {
  await harness.close();
});

describe('paths (K3, K5, K6)', () => {
  test('a server adds a path; the client joins; the answer is awaited and carries the reason of a failure', async () => {
    const secondary = await harness.listen({ identity: { serverId: 'second' } });
    const { client, server } = await harness.pair();
    const [joined, info] = await Promise.all([secondary.accept(), server.addPath(addressOf(secondary))]);
    expect(info).toMatchObject({ id: 1, state: 'active', address: addressOf(secondary), serverId: 'second' });
    expect(joined).toMatchObject({ role: 'secondary', id: client.id });
    expect(client.getActivePaths().map((path) => path.address)).toEqual([
      client.getAllPaths()[0]!.address,
      addressOf(secondary),
    ]);

    const silent = createSocket('udp4');
    silent.bind(0, '127.0.0.1');
    await once(silent, 'listening');
    harness.onClose(async () => silent.close());
    const failing = server.addPath(`127.0.0.1:${silent.address().port}`, { timeoutMs: 300 });
    await expect(failing).rejects.toMatchObject({ code: 'ERR_KWIK_CONNECT_FAILED', scope: 'path' });
    expect(server.getDeadPaths()).toMatchObject([{ id: 2, errorCode: 'ERR_KWIK_CONNECT_FAILED' }]);
    expect(client.getActivePaths()).toHaveLength(2);
  });

  test('a server that trusts other primaries only refuses the token', async () => {
    const stranger = await harness.listen({ trust: { keys: [pattern(32)] } });
    const { client, server } = await harness.pair();
    await expect(server.addPath(addressOf(stranger))).rejects.toMatchObject({ code: 'ERR_KWIK_TOKEN_UNTRUSTED' });
    expect(client.getActivePaths()).toHaveLength(1);
  });

  test('a token is for one server: elsewhere it is refused', async () => {
    const [named, other] = [await harness.listen(), await harness.listen()];
    const { server } = await harness.pair({}, { paths: { resolve: () => addressOf(other) } });
    await expect(server.addPath(addressOf(named))).rejects.toMatchObject({ code: 'ERR_KWIK_TOKEN_WRONG_SERVER' });
  });

  test('a primary that names itself is told who opens further paths to it', async () => {
    const { listener, client, server } = await harness.pair();
    await expect(server.addPath(addressOf(listener))).rejects.toMatchObject({
      code: 'ERR_KWIK_INVALID_ARGUMENT',
      message: expect.stringContaining('paths.extra of dial'),
    });
    expect(client.getActivePaths()).toHaveLength(1);
  });

  test('a client may refuse a server', async () => {
    const refused: unknown[] = [];
    const onRefused = ({ error }: { error: KwikError }): void => void refused.push(error.code);
    const { server } = await harness.pair({}, { paths: { resolve: () => false, onRefused } });
    await expect(server.addPath('127.0.0.1:9')).rejects.toMatchObject({ code: 'ERR_KWIK_CONNECT_FAILED' });
    expect(refused).toEqual(['ERR_KWIK_PERMISSION_DENIED']);
  });

  test('a path is removed, and further operations on it are refused by name (K6)', async () => {
    const secondary = await harness.listen();
    const { client, server } = await harness.pair();
    const [joined, info] = await Promise.all([secondary.accept(), server.addPath(addressOf(secondary))]);
    await server.removePath(info.id, 'not needed');
    await joined.closed;
    expect(client.getDeadPaths()).toMatchObject([{ id: info.id, state: 'dead', errorCode: 'ERR_KWIK_PATH_REMOVED' }]);
    expect(server.getAllPaths().map((path) => path.state)).toEqual(['active', 'dead']);
    await expect(server.removePath(info.id)).rejects.toMatchObject({ code: 'ERR_KWIK_PATH_DEAD' });
    await expect(server.removePath(-1)).rejects.toMatchObject({ code: 'ERR_KWIK_INVALID_ARGUMENT' });
    await expect(server.removePath(77)).rejects.toMatchObject({ code: 'ERR_KWIK_PATH_NOT_FOUND' });
    await expect(server.sendRawPacket(pattern(4), info.id)).rejects.toMatchObject({ code: 'ERR_KWIK_PATH_DEAD' });
  });

  test('whoever removes a path that is being removed already waits for the same, and asks the client once (K6)', async () => {
    const secondary = await harness.listen();
    const { server } = await harness.pair();
    const [, info] = await Promise.all([secondary.accept(), server.addPath(addressOf(secondary))]);
    await Promise.all([server.removePath(info.id), server.removePath(info.id, 'again')]);
    expect(server.getDeadPaths()).toMatchObject([{ id: info.id, reason: 'removed' }]);
  });

  test('a server that goes is noticed at the client, told to the primary, and the session goes on (K5)', async () => {
    const secondary = await listen();
    const { client, server } = await harness.pair();
    const [, info] = await Promise.all([secondary.accept(), server.addPath(addressOf(secondary))]);
    const told = new Promise<string>((resolve) => {
      server.onPathChange((path) => path.id === info.id && path.state === 'dead' && resolve(path.reason ?? ''));
    });
    await secondary.close({ force: true });
    expect(await told).not.toBe('');
    expect(client.getDeadPaths().map((path) => path.id)).toEqual([info.id]);
    const stream = client.openStream();
    await stream.write('still here');
    const [text] = await Promise.all([server.acceptStream().then(readAll), stream.close()]);
    expect(new TextDecoder().decode(text)).toBe('still here');
  });

  test('raw packets pass through the client unread and unchanged (K9)', async () => {
    const secondary = await harness.listen();
    const { server } = await harness.pair();
    const [joined, info] = await Promise.all([
      secondary.accept(),
      server.addPath(addressOf(secondary), { capabilities: ['raw'] }),
    ]);
    const packet = pattern(5000, 3);
    const arrived = joined.rawPackets()[Symbol.asyncIterator]().next();
    await server.sendRawPacket(packet, info.id);
    expect(Buffer.from((await arrived).value!.data).equals(packet)).toBe(true);
    await expect(server.sendRawPacket(pattern(100_000), info.id)).rejects.toMatchObject({
      code: 'ERR_KWIK_PACKET_TOO_LARGE',
    });
    const back = server.rawPackets()[Symbol.asyncIterator]().next();
    await joined.sendRawPacket(pattern(10), 0);
    expect((await back).value!.data).toEqual(pattern(10));
  });

  test('two servers write alternating chunks of one stream, and it completes (proven hard)', async () => {
    const secondary = await harness.listen();
    const { client, server } = await harness.pair();
    const [joined, { id }] = await Promise.all([
      secondary.accept(),
      server.addPath(addressOf(secondary), { capabilities: ['contribute', 'raw'] }),
    ]);
    const chunk = 100_000;
    const content = pattern(15 * chunk, 5);
    const helper = (async () => {
      for await (const packet of joined.rawPackets()) {
        const { streamId } = JSON.parse(Buffer.from(packet.data).toString()) as { streamId: string };
        const contribution = joined.contribute(BigInt(streamId));
        for (let index = 1; index < 15; index += 2) {
          await contribution.writeAt(BigInt(index * chunk), content.subarray(index * chunk, (index + 1) * chunk));
        }
        await contribution.close();
        return;
      }
    })();
    const stream = client.openStream();
    await stream.write('get');
    const accepted = await server.acceptStream();
    const theirs = Array.from({ length: 7 }, (_, index) => (2 * index + 1) * chunk);
    const ranges = theirs.map((offset) => ({ offset: BigInt(offset), length: BigInt(chunk) }));
    await server.grantContribution(id, accepted.id, ranges);
    await server.sendRawPacket(Buffer.from(JSON.stringify({ streamId: String(accepted.id) })), id);
    const primary = (async () => {
      for (let index = 0; index < 15; index += 2) {
        await accepted.write(content.subarray(index * chunk, (index + 1) * chunk));
        if (index < 14) accepted.skip(BigInt(chunk));
      }
      await accepted.close();
    })();
    const received = await readAll(stream);
    await Promise.all([helper, primary]);
    expect(Buffer.from(received).equals(content)).toBe(true);
  });
});

test('a path without the capability serves no content, and a client takes no more paths than it allows', async () => {
  const refusals: string[] = [];
  const content = pattern(500_000);
  let asked = 0;
  const secondary = await harness.listen({
    replica: () => {
      asked++;
      return sourceOf(content);
    },
    onRefused: (error) => refusals.push(error.code),
  });
  const { client, server } = await harness.pair({}, { limits: { maxPaths: 2 } });
  await server.addPath(addressOf(secondary), { capabilities: ['raw'] });
  const joined = await secondary.accept();
  expect(() => joined.contribute(0n)).toThrow(expect.objectContaining({ code: 'ERR_KWIK_PERMISSION_DENIED' }));
  void serveContent(server, 'film', content);
  expect(Buffer.from(await fetchContent(client)).equals(content)).toBe(true);
  expect(asked).toBe(0);
  await expect(server.addPath(addressOf(secondary))).rejects.toMatchObject({ code: 'ERR_KWIK_LIMIT_EXCEEDED' });

  const other = await harness.pair({}, { paths: { resolve: () => addressOf(secondary) } });
  await expect(other.server.addPath('127.0.0.1:9')).rejects.toMatchObject({ code: 'ERR_KWIK_TOKEN_WRONG_SERVER' });
  expect(refusals).toEqual(['ERR_KWIK_TOKEN_WRONG_SERVER']);
});
