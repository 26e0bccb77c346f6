import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Harness, pattern, readAll } from './harness.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

describe('logical streams and real ones (K7)', () => {
  test('a stream is there at the other end by a control notice, before it carries a byte', async () => {
    const { client, server } = await harness.pair({}, { diagnostics: { offsetMap: true } });
    const opened = Array.from({ length: 12 }, (_, index) => client.openStream({ unidirectional: index % 2 === 1 }));
    const accepted = await Promise.all(opened.map(() => server.acceptStream()));
    expect(new Set(accepted.map(({ id }) => id))).toEqual(new Set(opened.map(({ id }) => id)));
    expect(client.getActivePaths()).toMatchObject([{ sentBytes: 0 }]);
    expect(client.offsetMap(0)!.size).toBe(0);
  });

  test('twelve logical streams share three QUIC streams, and each arrives whole', async () => {
    const { client, server } = await harness.pair({}, { diagnostics: { offsetMap: true } });
    const opened = Array.from({ length: 12 }, () => client.openStream({ unidirectional: true }));
    const accepted = await Promise.all(opened.map(() => server.acceptStream()));
    const contents = new Map(opened.map(({ id }, index) => [id, pattern(50_000 + index, index + 1)]));
    const received = Promise.all(accepted.map(async (stream) => [stream.id, await readAll(stream)] as const));
    // None ends before all are written, so that twelve are open at once.
    await Promise.all(opened.map((stream) => stream.write(contents.get(stream.id)!)));
    const map = client.offsetMap(0)!;
    await Promise.all(opened.map((stream) => stream.close()));
    for (const [id, bytes] of await received) expect(Buffer.from(bytes).equals(contents.get(id)!)).toBe(true);
    const offsets = Array.from({ length: 50 }, (_, index) => BigInt(1000 * index));
    const real = opened.flatMap(({ id }) => offsets.map((offset) => map.toReal(id, offset)?.realStreamId));
    expect(new Set(real.filter((one) => one !== undefined)).size).toBe(3);
  });
});
