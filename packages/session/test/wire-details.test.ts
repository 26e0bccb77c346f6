import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { addressOf, Harness, pattern, readAll } from './harness.js';

/** For machines that do much else at the time. */
jest.setTimeout(60_000);

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

const text = new TextEncoder().encode('all work and no play makes jack a dull boy; '.repeat(20_000));

describe('compression', () => {
  test.each([
    ['both ends want it', 'auto', 'auto', true],
    ['only the receiver wants it', 'off', 'auto', false],
    ['only the sender wants it', 'auto', 'off', false],
  ] as const)('%s: the same bytes arrive', async (_name, sender, receiver, smaller) => {
    const { client, server } = await harness.pair(
      { writes: { compression: sender } },
      { writes: { compression: receiver } },
    );
    const stream = server.openStream({ unidirectional: true });
    const accepted = client.acceptStream();
    const writing = stream.write(text).then(() => stream.close());
    const received = await readAll(await accepted);
    await writing;
    expect(Buffer.from(received).equals(text)).toBe(true);
    const [path] = client.getActivePaths();
    expect(path!.wireReceivedBytes! < text.length / 2).toBe(smaller);
  });
});

describe('offsets of KWIK and of QUIC', () => {
  test('are mapped to each other, when asked for, and never mixed', async () => {
    const { client, server } = await harness.pair({}, { diagnostics: { offsetMap: true } });
    const stream = client.openStream({ unidirectional: true });
    const accepted = server.acceptStream();
    const sent = pattern(100_000);
    const writing = stream.write(sent).then(() => stream.close());
    expect(Buffer.from(await readAll(await accepted)).equals(sent)).toBe(true);
    await writing;
    const map = client.offsetMap(0)!;
    const first = map.toReal(stream.id, 0n)!;
    const later = map.toReal(stream.id, 99_999n)!;
    // Every packet has a header, so the numbers differ from the beginning, and drift apart.
    expect(first.quicOffset).toBeGreaterThan(0n);
    expect(later.quicOffset - 99_999n).toBeGreaterThan(first.quicOffset);
    expect(map.toLogical(later.realStreamId, later.quicOffset)).toEqual({ streamId: stream.id, offset: 99_999n });
    expect(server.offsetMap(0)).toBeUndefined();
    expect(() => client.offsetMap(9)).toThrow(expect.objectContaining({ code: 'ERR_KWIK_PATH_NOT_FOUND' }));
  });
});

describe('a secondary that writes what it may not', () => {
  test('is refused and told of to the primary; the reader gets what the primary wrote', async () => {
    const [primary, peer] = [await harness.listen(), await harness.listen()];
    const [client, server] = await Promise.all([harness.dial(primary), primary.accept()]);
    const [{ id }, secondary] = await Promise.all([
      server.addPath(addressOf(peer), { capabilities: ['contribute'] }),
      peer.accept(),
    ]);
    const stream = server.openStream({ unidirectional: true });
    const accepted = client.acceptStream();
    stream.skip(10n);
    await server.grantContribution(id, stream.id, [{ offset: 0n, length: 10n }]);
    await stream.write(new Uint8Array(1000).fill(1));
    const dead = new Promise((resolve) => {
      client.onPathChange((path) => path.id === id && path.state === 'dead' && resolve(path.errorCode));
    });
    const refused = new Promise((resolve) => {
      server.onPathChange((path) => path.id === id && path.state === 'dead' && resolve(path));
    });
    const contribution = secondary.contribute(stream.id);
    await contribution.writeAt(0n, new Uint8Array(10).fill(3));
    await contribution.close();
    await secondary.contribute(stream.id).writeAt(500n, new Uint8Array(100).fill(2));
    expect(await dead).toBe('ERR_KWIK_PROTOCOL_VIOLATION');
    expect(await refused).toMatchObject({
      errorCode: 'ERR_KWIK_SERVER_UNTRUSTED',
      reason: expect.stringMatching(/bytes 500 to 600 were not granted to path 1/u),
    });
    await stream.close();
    const expected = Buffer.concat([new Uint8Array(10).fill(3), new Uint8Array(1000).fill(1)]);
    expect(Buffer.from(await readAll(await accepted)).equals(expected)).toBe(true);
    expect(client.getActivePaths()).toHaveLength(1);
  });
});
