import http from 'node:http';
import { once } from 'node:events';
import net from '@kwik/socket';
import { WebSocket, WebSocketServer } from 'ws';

/** A room: what one says, all others hear. `ws` as it is; its connections go over KWIK. */
export async function openRoom(): Promise<{ port: number; close: () => Promise<void> }> {
  const upgrades = http.createServer();
  const room = new WebSocketServer({ server: upgrades });
  room.on('connection', (guest) => {
    guest.on('message', (data: Buffer) => {
      for (const other of room.clients) if (other !== guest) other.send(data.toString());
    });
  });
  const sockets = net.createServer((socket) => void upgrades.emit('connection', socket)).listen(0);
  await once(sockets, 'listening');
  return {
    port: (sockets.address() as { port: number }).port,
    async close() {
      for (const guest of room.clients) guest.terminate();
      sockets.close();
      await once(sockets, 'close');
    },
  };
}

export async function enter(port: number): Promise<WebSocket> {
  const createConnection = net.createConnection as unknown as NonNullable<http.RequestOptions['createConnection']>;
  const guest = new WebSocket(`ws://127.0.0.1:${port}`, { createConnection });
  await once(guest, 'open');
  return guest;
}
