import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Scheduler } from '@kwik/wire';
import { Harness, pattern } from './harness.js';

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

/** A session with two paths to its server, whose client asks `scheduler`, and what the server reads of its stream. */
async function upload(scheduler: Scheduler, bytes: Uint8Array): Promise<Buffer> {
  const { client, server } = await harness.pair(
    {},
    { paths: { localAddresses: ['127.0.0.2'] }, writes: { routing: 'distributed', scheduler: () => scheduler } },
  );
  while (client.getActivePaths().length < 2) await new Promise((resolve) => setImmediate(resolve));
  const received = server.acceptStream().then(async (stream) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    return Buffer.concat(chunks);
  });
  received.catch(() => undefined);
  const stream = client.openStream();
  await stream.write(bytes);
  await stream.close();
  return received;
}

test('a scheduler that chooses a path which it was not offered ends the session, with its name', async () => {
  const stray: Scheduler = {
    name: 'stray',
    select: () => ({ kind: 'send', pathId: 77 as never, maxBytes: 1000, duplicates: [] }),
  };
  await expect(upload(stray, pattern(10_000))).rejects.toThrow(
    "the scheduler 'stray' chose path 77, which it was not offered",
  );
});

test('a scheduler that waits for a time that is past, or for none, is asked again later, and all arrives', async () => {
  let asked = 0;
  const hesitant: Scheduler = {
    name: 'hesitant',
    select: (_request, paths) => {
      asked++;
      if (asked % 3 === 1) return { kind: 'wait', untilMs: 0 };
      if (asked % 3 === 2) return { kind: 'wait', untilMs: Number.NaN };
      const free = paths.find((path) => path.sendableBytes > 0) ?? paths[0]!;
      return { kind: 'send', pathId: free.id, maxBytes: 10_000, duplicates: [] };
    },
  };
  const bytes = pattern(100_000);
  const received = await upload(hesitant, bytes);
  expect(Buffer.compare(received, bytes)).toBe(0);
  // Three questions for each packet, and some more for turns that something else brought about: it does not spin.
  expect(asked).toBeLessThan(3000);
});
