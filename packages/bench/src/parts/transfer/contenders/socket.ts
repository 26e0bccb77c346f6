import { once } from 'node:events';
import net, { type Socket } from '@kwik/socket';
import { Pattern, PatternReader } from '../../../harness/pattern.js';
import { CHUNK_BYTES, type Contender } from '../contender.js';

/** `@kwik/socket` as a program for `node:net` uses it: one socket, events, and `drain`. */
export const socket: Contender = {
  async serve({ certPem, keyPem }, settings) {
    const transport = { datagramBytes: settings.datagramBytes };
    const kwik = { cert: certPem, key: keyPem, listen: { transport } };
    const server = net.createServer({ kwik, allowHalfOpen: true }, (client) => {
      client.once('data', () => sendAll(client, settings.bytes));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server.address()!.port;
  },

  async fetch(port, caPem, settings) {
    const start = performance.now();
    const kwik = { ca: caPem, dial: { transport: { datagramBytes: settings.datagramBytes } } };
    const client = net.connect({ port, host: '127.0.0.1', kwik });
    const reader = new PatternReader(new Pattern());
    client.write(Uint8Array.of(1));
    client.on('data', (chunk: Buffer) => reader.read(chunk));
    await once(client, 'end');
    return { bytes: reader.bytes, seconds: (performance.now() - start) / 1000 };
  },
};

function sendAll(client: Socket, bytes: number): void {
  const pattern = new Pattern();
  let at = 0;
  const more = (): void => {
    while (at < bytes) {
      const piece = pattern.piece(at, Math.min(CHUNK_BYTES, bytes - at));
      at += piece.length;
      if (client.write(piece)) continue;
      client.once('drain', more);
      return;
    }
    client.end();
  };
  more();
}
