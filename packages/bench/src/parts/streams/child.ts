/** A server and a client that have many streams at once. */
import { dial, listen, type Stream } from '@kwik/session';
import type { Credentials } from '../../harness/certificates.js';
import { answerParent } from '../../harness/child.js';
import { Pattern, PatternReader } from '../../harness/pattern.js';

export interface StreamsTask {
  readonly port: number;
  readonly caPem: string;
  readonly streams: number;
  readonly bytesEach: number;
}

export interface StreamsResult {
  readonly seconds: number;
  /** Of each stream, when half of everything had arrived. */
  readonly bytesAtHalf: Float64Array;
}

const CHUNK_BYTES = 64 * 1024;
/** Each stream begins elsewhere in the pattern, so that bytes of another stream show. */
const STEP_BYTES = 7919;

export const calls = answerParent({
  async serve({ credentials, bytesEach }: { credentials: Credentials; bytesEach: number }): Promise<{ port: number }> {
    const { certPem, keyPem, caPem } = credentials;
    const listener = await listen({ credentials: { cert: certPem, key: keyPem }, trust: { ca: caPem } });
    const pattern = new Pattern();
    void (async () => {
      for await (const session of listener) {
        void (async () => {
          for (;;) void sendAll(await session.acceptStream(), pattern, bytesEach);
        })().catch(() => undefined);
      }
    })();
    return { port: listener.address().port };
  },

  async fetch({ port, caPem, streams, bytesEach }: StreamsTask): Promise<StreamsResult> {
    const start = performance.now();
    const session = await dial({ host: '127.0.0.1', port }, { trust: { ca: caPem } });
    const pattern = new Pattern();
    const readers = Array.from({ length: streams }, (_, index) => new PatternReader(pattern, index * STEP_BYTES));
    const half = (streams * bytesEach) / 2;
    let arrived = 0;
    let bytesAtHalf: Float64Array | undefined;
    await Promise.all(
      readers.map(async (reader, index) => {
        const stream = session.openStream();
        await stream.write(Uint8Array.of(index & 0xff, index >> 8));
        for (let data = await stream.read(); data !== null; data = await stream.read()) {
          reader.read(data);
          arrived += data.length;
          if (arrived >= half) bytesAtHalf ??= Float64Array.from(readers, ({ bytes }) => bytes);
        }
        if (reader.bytes !== bytesEach) throw new Error(`stream ${index} ended after ${reader.bytes} bytes`);
      }),
    );
    const seconds = (performance.now() - start) / 1000;
    await session.close();
    return { seconds, bytesAtHalf: bytesAtHalf ?? new Float64Array() };
  },
});

async function sendAll(stream: Stream, pattern: Pattern, bytes: number): Promise<void> {
  const asked: number[] = [];
  while (asked.length < 2) asked.push(...((await stream.read()) ?? [0, 0]));
  const index = asked[0]! | (asked[1]! << 8);
  for (let at = 0; at < bytes; at += CHUNK_BYTES) {
    await stream.write(pattern.piece(index * STEP_BYTES + at, Math.min(CHUNK_BYTES, bytes - at)));
  }
  await stream.close();
}
