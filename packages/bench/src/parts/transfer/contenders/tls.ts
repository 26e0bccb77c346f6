import { connect, createServer, type TLSSocket } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { Pattern, PatternReader } from '../../../harness/pattern.js';
import { CHUNK_BYTES, type Contender } from '../contender.js';

/** TCP with TLS 1.3, as Node has them: another protocol, in the kernel but for the encryption. */
export const tls: Contender = {
  async serve({ certPem, keyPem }, settings) {
    const server = createServer({ cert: certPem, key: keyPem, minVersion: 'TLSv1.3' }, (socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => sendAll(socket, settings.bytes));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  },

  async fetch(port, caPem) {
    const start = performance.now();
    const reader = new PatternReader(new Pattern());
    await new Promise<void>((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, ca: caPem, servername: 'localhost', minVersion: 'TLSv1.3' });
      socket.once('secureConnect', () => socket.write(Uint8Array.of(1)));
      socket.on('data', (data: Buffer) => reader.read(data));
      socket.once('end', resolve);
      socket.once('error', reject);
    });
    return { bytes: reader.bytes, seconds: (performance.now() - start) / 1000 };
  },
};

function sendAll(socket: TLSSocket, bytes: number): void {
  const pattern = new Pattern();
  let at = 0;
  const pump = (): void => {
    while (at < bytes) {
      const piece = pattern.piece(at, Math.min(CHUNK_BYTES, bytes - at));
      at += piece.length;
      if (!socket.write(piece)) return;
    }
    socket.off('drain', pump);
    socket.end();
  };
  socket.on('drain', pump);
  pump();
}
