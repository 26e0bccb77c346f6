import { dial, listen, type ReplicaSource } from '@kwik/session';
import { MAX_PIECE_BYTES, Pattern } from '../../../harness/pattern.js';
import type { Contender } from '../contender.js';
import { readAll } from './session.js';

const KEY = 'pattern';

/** A multi-source stream: the same content on every server, one path to each, every block checked by its digest. */
export const content: Contender = {
  async serve({ certPem, keyPem, caPem }, settings, peers) {
    const source = patternSource(settings.bytes);
    const listener = await listen({
      credentials: { cert: certPem, key: keyPem },
      trust: { ca: caPem },
      transport: { datagramBytes: settings.datagramBytes },
      replica: (key) => (key === KEY ? source : undefined),
    });
    void (async () => {
      for await (const client of listener) {
        if (client.role !== 'primary') continue;
        void (async () => {
          const joined = peers.map((port) => client.addPath(`127.0.0.1:${port}`));
          const stream = await client.acceptStream();
          await stream.sendFrom(KEY, source);
          await stream.close();
          await Promise.all(joined);
        })();
      }
    })();
    return listener.address().port;
  },

  async fetch(port, caPem, settings) {
    const start = performance.now();
    const transport = { datagramBytes: settings.datagramBytes };
    const client = await dial({ host: '127.0.0.1', port }, { trust: { ca: caPem }, transport });
    const stream = client.openStream();
    await stream.write(Uint8Array.of(1));
    return await readAll(client, stream, start);
  },
};

function patternSource(bytes: number): ReplicaSource {
  const pattern = new Pattern();
  return {
    size: BigInt(bytes),
    read: async (offset, length) => {
      if (length <= MAX_PIECE_BYTES) return pattern.piece(Number(offset), length);
      const whole = Buffer.allocUnsafe(length);
      for (let at = 0; at < length; at += MAX_PIECE_BYTES) {
        whole.set(pattern.piece(Number(offset) + at, Math.min(MAX_PIECE_BYTES, length - at)), at);
      }
      return whole;
    },
  };
}
