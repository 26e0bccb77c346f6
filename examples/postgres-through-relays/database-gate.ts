import { once } from 'node:events';
import tcp from 'node:net';
import { pipeline } from 'node:stream/promises';
import net from '@kwik/socket';

/** The KWIK server beside a database: each connection goes on to it by TCP. */
export async function startGate(databasePort: number): Promise<{ port: number; stop: () => Promise<void> }> {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    const database = tcp.connect({ port: databasePort, host: '127.0.0.1', allowHalfOpen: true });
    // Either end that breaks off takes the other with it.
    pipeline(socket, database, socket).catch(() => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as { port: number }).port,
    async stop() {
      server.close();
      await once(server, 'close');
    },
  };
}
