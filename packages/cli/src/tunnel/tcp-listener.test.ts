import { connect, Server, type Socket } from 'node:net';
import { afterEach, expect, jest, test } from '@jest/globals';
import { until } from '@kwik/testbed';
import { parseHostPort } from '../address.js';
import { TcpListener } from './tcp-listener.js';

let listener: TcpListener | undefined;
const clients: Socket[] = [];

afterEach(() => {
  jest.restoreAllMocks();
  listener?.close();
  for (const client of clients.splice(0)) client.destroy();
});

async function open(onSocket: (socket: Socket) => void, onError: (error: Error) => void): Promise<TcpListener> {
  listener = await TcpListener.open({ listen: { host: '127.0.0.1', port: 0 }, maxConnections: 2, onSocket, onError });
  return listener;
}

function connecting({ address }: TcpListener): Socket {
  const client = connect(parseHostPort(address)).on('error', () => undefined);
  clients.push(client);
  return client;
}

/** However it comes to that. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => void socket.once('close', () => resolve()));
}

test('a connection that could not be accepted ends nothing: it is told, and the next one is accepted', async () => {
  const listen = jest.spyOn(Server.prototype, 'listen');
  const errors: string[] = [];
  let accepted = 0;
  const opened = await open(
    () => (accepted += 1),
    ({ message }) => errors.push(message),
  );
  const [server] = listen.mock.contexts as [Server];
  server.emit('error', new Error('accept EMFILE'));
  server.emit('error', new Error('accept ENOBUFS'));
  connecting(opened);
  await until(() => accepted === 1);
  expect(errors).toEqual(['accept EMFILE', 'accept ENOBUFS']);
});

test('connections are counted until they are closed, and no more are open than may be', async () => {
  const accepted: Socket[] = [];
  const opened = await open(
    (socket) => accepted.push(socket.on('error', () => undefined)),
    () => undefined,
  );
  const [first, second] = [connecting(opened), connecting(opened)];
  await until(() => opened.connections === 2);
  await closed(connecting(opened));
  expect(accepted).toHaveLength(2);
  first.resetAndDestroy();
  await until(() => opened.connections === 1);
  opened.close();
  opened.close();
  await closed(second);
  await until(() => opened.connections === 0);
});
