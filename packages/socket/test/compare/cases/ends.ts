import type { Socket } from 'node:net';
import { pause } from '@kwik/testbed';
import { type Case, closed, happened, type Trial } from '../trial.js';
import { state } from './connect.js';

/** Long enough for anything that follows. */
const A_WHILE_MS = 150;

export const endCases: readonly Case[] = [
  {
    name: 'the client ends first, and the server goes on for a while',
    async run(trial) {
      const { client, server } = await pair(trial, { allowHalfOpen: true });
      client.end('question');
      server.on('data', (chunk: Buffer) => trial.note('asked', String(chunk)));
      await happened(server, 'end');
      trial.note('server', state(server), server.readable, server.writable);
      trial.note('client', client.readyState);
      server.write('answer ');
      await pause(20);
      server.end('in parts');
      await Promise.all([trial.collect(client, 'client'), closed(server)]);
    },
  },
  {
    name: 'the server ends first, and the client goes on for a while',
    async run(trial) {
      const { client, server } = await pair(trial, {}, { allowHalfOpen: true });
      server.end('greeting');
      const said = trial.collect(server, 'server');
      client.resume();
      await happened(client, 'end');
      trial.note('client', state(client));
      client.write('still ');
      client.end('here');
      await said;
    },
  },
  {
    name: 'without allowHalfOpen the end of one is the end of the other',
    async run(trial) {
      const { client, server } = await pair(trial);
      client.resume();
      server.resume();
      client.end();
      await Promise.all([closed(client), closed(server)]);
      trial.note('states', client.readyState, server.readyState);
    },
  },
  {
    name: 'writing when the peer has ended',
    async run(trial) {
      const { client, server } = await pair(trial);
      client.resume();
      server.end();
      await happened(client, 'end');
      await pause(5);
      trial.note(
        'returned',
        client.write('late', (error) => trial.note('write', error)),
      );
      await closed(client);
    },
  },
  {
    name: 'writing after the own end',
    async run(trial) {
      const { client } = await pair(trial, { allowHalfOpen: true });
      client.end();
      trial.note(
        'returned',
        client.write('late', (error) => trial.note('write', error)),
      );
      await closed(client);
    },
  },
  {
    name: 'writing when destroyed',
    async run(trial) {
      const { client, server } = await pair(trial);
      client.destroy();
      trial.note(
        'returned',
        client.write('late', (error) => trial.note('write', error)),
      );
      client.end('later', () => trial.note('end', 'called'));
      await Promise.all([closed(client), closed(server)]);
      await pause(5);
    },
  },
  {
    name: 'destroyed without a reason',
    async run(trial) {
      const { client, server } = await pair(trial);
      server.resume();
      client.destroy();
      trial.note('client', state(client));
      client.destroy();
      await Promise.all([closed(client), closed(server)]);
    },
  },
  {
    name: 'destroyed with an error',
    async run(trial) {
      const { client, server } = await pair(trial);
      server.resume();
      client.destroy(new Error('mine'));
      await Promise.all([closed(client), closed(server)]);
      trial.note('errored', client.errored);
    },
  },
  {
    name: 'what was written before destroySoon arrives',
    async run(trial) {
      const { client, server } = await pair(trial);
      const came = trial.collect(server, 'server');
      client.write('last words');
      client.destroySoon();
      await came;
    },
  },
  {
    name: 'what was written before destroy, and had gone, arrives',
    async run(trial) {
      const { client, server } = await pair(trial);
      const came = trial.collect(server, 'server');
      await new Promise((done) => client.write('last words', done));
      client.destroy();
      await came;
    },
  },
  {
    name: 'a reset by the server',
    async run(trial) {
      const { client, server } = await pair(trial);
      client.resume();
      trial.note('returned', server.resetAndDestroy() === server);
      await Promise.all([closed(client), closed(server)]);
      await pause(A_WHILE_MS);
    },
  },
  {
    name: 'a reset by the client',
    async run(trial) {
      const { client, server } = await pair(trial);
      server.resume();
      client.resetAndDestroy();
      await Promise.all([closed(client), closed(server)]);
      await pause(A_WHILE_MS);
    },
  },
  {
    name: 'a reset before there is a connection',
    async run(trial) {
      const arrived = new Promise<Socket>(
        (done) =>
          void trial.listening({}, done).then(({ port }) => {
            const socket = trial.watch(trial.connect(port, '127.0.0.1'), 'client');
            trial.note('returned', socket.resetAndDestroy() === socket);
          }),
      );
      const server = trial.watch(await arrived, 'server side');
      server.resume();
      await closed(server);
    },
  },
  {
    name: 'a reset of what never was',
    async run(trial) {
      const socket = trial.watch(trial.own(new trial.net.Socket()), 'client');
      socket.resetAndDestroy();
      await closed(socket);
    },
  },
  {
    name: 'a reset while the peer waits for its own end',
    async run(trial) {
      const { client, server } = await pair(trial, { allowHalfOpen: true }, { allowHalfOpen: true });
      client.end();
      client.resume();
      server.resume();
      await happened(server, 'end');
      server.resetAndDestroy();
      await closed(client);
    },
  },
  {
    name: 'destroyed with data that nobody has read: the peer is reset, once',
    async run(trial) {
      const { client, server } = await pair(trial);
      server.pause();
      const much = Buffer.alloc(4 * 1024 * 1024);
      client.write(much);
      client.on('data', () => undefined);
      await pause(A_WHILE_MS);
      server.destroy();
      await Promise.all([closed(client), closed(server)]);
      await pause(A_WHILE_MS);
    },
  },
  {
    name: 'both end at once',
    async run(trial) {
      const { client, server } = await pair(trial);
      const both = Promise.all([trial.collect(client, 'client'), trial.collect(server, 'server')]);
      client.end('from the client');
      server.end('from the server');
      await both;
    },
  },
  {
    name: 'an end while the peer is paused is told when it reads',
    async run(trial) {
      const { client, server } = await pair(trial);
      client.pause();
      server.end('words');
      await pause(A_WHILE_MS);
      trial.note('paused', client.readableEnded);
      const came = trial.collect(client, 'client');
      client.resume();
      server.resume();
      await Promise.all([came, closed(server)]);
    },
  },
];

/** A connection, both of whose sides are written down, without a listener that makes them flow. */
async function pair(
  trial: Trial,
  serverOptions: { allowHalfOpen?: boolean } = {},
  clientOptions: { allowHalfOpen?: boolean } = {},
): Promise<{ client: Socket; server: Socket }> {
  let arrived!: (socket: Socket) => void;
  const accepted = new Promise<Socket>((done) => (arrived = done));
  const { port } = await trial.listening(serverOptions, (socket) => arrived(trial.watch(socket, 'server side')));
  const client = trial.watch(trial.connect({ port, host: '127.0.0.1', ...clientOptions }), 'client');
  const [server] = await Promise.all([accepted, happened(client, 'ready')]);
  return { client, server };
}
