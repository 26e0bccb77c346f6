import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createLinks } from '@kwik/testbed';
import type { ReplicaSource } from '@kwik/session';
import { addressOf, Harness, pattern, sourceOf } from './harness.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

const MB = 1024 * 1024;
const content = pattern(12 * MB);

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

/** As a primary whose disk gives the beginning, and takes its time with the rest: no digests come of that. */
const slowSource: ReplicaSource = {
  size: BigInt(content.length),
  read: (offset, length, signal) =>
    Number(offset) + length <= 2 * MB
      ? Promise.resolve(content.subarray(Number(offset), Number(offset) + length))
      : new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')))),
};

describe('a primary that is lost before it has sent all digests', () => {
  test.each([
    ['with a peer whose bytes cannot be checked any more', sourceOf(content)],
    ['with a peer that does not have the content', undefined],
  ])('%s: the reader is told when the primary is waited for no longer', async (_name, replica) => {
    const [primary, peer] = [await harness.listen(), await harness.listen({ replica: () => replica })];
    const target = { host: '127.0.0.1', port: primary.address().port };
    const both = { rateBitsPerSecond: 100e6, delayMs: 2, queueBytes: 200_000 };
    const { links, close } = await createLinks({ primary: { target, both } }, { isolated: true });
    harness.onClose(close);
    const [client, server] = await Promise.all([
      harness.dial(links.primary.address(), { timeouts: { recoveryMs: 500 } }),
      primary.accept(),
    ]);
    await server.addPath(addressOf(peer));
    const sending = server.acceptStream().then(async (stream) => {
      await stream.read();
      await stream.sendFrom('film', slowSource);
    });
    sending.catch(() => undefined);
    const stream = client.openStream();
    await stream.write('get');
    let at = 0;
    const reading = (async () => {
      for await (const chunk of stream) {
        expect(Buffer.from(chunk).equals(content.subarray(at, at + chunk.length))).toBe(true);
        at += chunk.length;
        if (at === 2 * MB) links.primary.cut();
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: 'ERR_KWIK_NO_PATH' });
    expect(at).toBe(2 * MB);
    expect(await client.closed).toMatchObject({ by: 'error', error: { code: 'ERR_KWIK_NO_PATH' } });
  });
});
