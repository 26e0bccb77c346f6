import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { ServerSession } from '@kwik/session';
import { until } from '@kwik/testbed';
import { Harness, pattern } from './harness.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const STREAMS = 160;
const SESSION_BYTES = 128 * MIB;

const much = pattern(MIB);
let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(async () => {
  await harness.close();
});

async function writesMuch(session: ServerSession): Promise<void> {
  for (;;) {
    const stream = await session.acceptStream();
    void stream.write(much).catch(() => undefined);
  }
}

test('a peer that opens many streams and reads none makes a server hold no more than a session may have ahead', async () => {
  const limits = { streamWindowBytes: 64 * KIB, pathWindowBytes: 16 * MIB };
  const { listener, client, server } = await harness.pair({}, { limits });
  void writesMuch(server).catch(() => undefined);
  const streams = Array.from({ length: STREAMS }, () => client.openStream());
  for (const stream of streams) await stream.write(pattern(1));
  const held = (): number => listener.stats().memory.writeAheadBytes;
  await until(() => held() > SESSION_BYTES + 10 * 16 * KIB);
  expect(held()).toBeLessThanOrEqual(SESSION_BYTES + STREAMS * 16 * KIB);
  // Those that nobody reads do not hold up one that is read.
  const last = streams.at(-1)!;
  for (let bytes = 0; bytes < MIB; ) bytes += (await last.read())!.length;
  await client.close();
  await until(() => held() === 0);
});
