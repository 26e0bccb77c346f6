import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import net, { connect, createServer, Server, Socket, Stream } from './index.js';

const open: Server[] = [];

afterEach(async () => {
  for (const server of open.splice(0)) if (server.listening) await new Promise((done) => server.close(done));
});

function listening(onSocket: (socket: Socket) => void): Server {
  const server = createServer(onSocket).listen(0);
  open.push(server);
  return server;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

test('has its port within the call, and carries bytes both ways and both ends', async () => {
  const server = listening((socket) => socket.pipe(socket));
  const socket = connect(portOf(server));
  socket.end('hello');
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  expect(String(Buffer.concat(chunks))).toBe('hello');
  if (!socket.closed) await once(socket, 'close');
  expect(socket).toMatchObject({ bytesRead: 5, bytesWritten: 5, destroyed: true });
});

test('the constructors work without new, can be extended, and know their instances', () => {
  const made = Socket();
  expect(made).toBeInstanceOf(Socket);
  expect(made.constructor).toBe(Socket);
  expect(Stream()).toBeInstanceOf(Socket);
  expect(Server()).toBeInstanceOf(Server);
  class Own extends Socket {
    readonly own = true;
  }
  expect(new Own()).toBeInstanceOf(Own);
  expect(new Own()).toBeInstanceOf(Socket);
  expect(made._handle).toBeNull();
  expect(net.connect).toBe(connect);
});
