import { dial, listen, type DialOptions, type Session, type Stream } from '@kwik/session';
import { Pattern, PatternReader } from '../../../harness/pattern.js';
import { CHUNK_BYTES, type Contender, type FetchResult } from '../contender.js';

/** `@kwik/session` as a user has it: one path, one stream. */
export const session: Contender = sessions(() => ({}));

/** The same over further paths to the same server. */
export const extra: Contender = sessions((paths) => ({
  paths: { extra: Array.from({ length: paths - 1 }, () => ({ localAddress: '127.0.0.1' })) },
}));

/** Reads a stream to its end, checks it, and closes the session. The clock starts anew after the warm bytes. */
export async function readAll(client: Session, stream: Stream, begin: number, warmBytes = 0): Promise<FetchResult> {
  const reader = new PatternReader(new Pattern());
  let start = begin;
  for (let data = await stream.read(); data !== null; data = await stream.read()) {
    const before = reader.bytes;
    reader.read(data);
    if (before < warmBytes && reader.bytes >= warmBytes) start = performance.now();
  }
  const seconds = (performance.now() - start) / 1000;
  const pathBytes = client.getAllPaths().map(({ receivedBytes }) => receivedBytes);
  await client.close();
  return { bytes: reader.bytes, seconds, pathBytes };
}

function sessions(dialOptions: (paths: number) => DialOptions): Contender {
  return {
    async serve({ certPem, keyPem, caPem }, settings) {
      const transport = { datagramBytes: settings.datagramBytes };
      const listener = await listen({ credentials: { cert: certPem, key: keyPem }, trust: { ca: caPem }, transport });
      void (async () => {
        for await (const client of listener) void sendAll(await client.acceptStream(), settings.bytes);
      })();
      return listener.address().port;
    },

    async fetch(port, caPem, settings) {
      const start = performance.now();
      const transport = { datagramBytes: settings.datagramBytes };
      const options = { trust: { ca: caPem }, transport, ...dialOptions(settings.paths) };
      const client = await dial({ host: '127.0.0.1', port }, options);
      const stream = client.openStream();
      await stream.write(Uint8Array.of(1));
      return await readAll(client, stream, start, settings.warmBytes);
    },
  };
}

async function sendAll(stream: Stream, bytes: number): Promise<void> {
  const pattern = new Pattern();
  for (let at = 0; at < bytes; at += CHUNK_BYTES) {
    await stream.write(pattern.piece(at, Math.min(CHUNK_BYTES, bytes - at)));
  }
  await stream.close();
}
