import type { AddressInfo } from 'node:net';
import { pause } from '@kwik/testbed';
import { type Case, closed, happened, thrown } from '../trial.js';

export const serverCases: readonly Case[] = [
  {
    name: 'from listen to close',
    async run(trial) {
      const server = trial.watch(trial.server({}), 'server');
      trial.note('before', server.listening, server.address());
      trial.note('returned', server.listen(0, () => trial.note('server', 'callback')) === server);
      trial.portOf(server);
      trial.note('at once', server.listening, server.address());
      await happened(server, 'listening');
      trial.note('closing', server.close((error) => trial.note('server', 'close callback', error)) === server);
      trial.note('closed', server.listening, server.address());
      await closed(server);
    },
  },
  {
    name: 'overloads of listen',
    async run(trial) {
      const overloads: readonly unknown[][] = [
        [],
        [0],
        ['0'],
        [null],
        [undefined],
        [0, '127.0.0.1'],
        [0, 5],
        [0, '127.0.0.1', 5],
        [{ port: 0 }],
        [{ port: undefined }],
        [{ port: null }],
        [{ port: 0, host: '127.0.0.1', backlog: 5 }],
        [{ port: 0, host: '::1' }],
        [{ port: 0, exclusive: true }],
      ];
      for (const args of overloads) {
        const heading = JSON.stringify(args);
        for (const withCallback of [false, true]) {
          const server = trial.server({});
          const called = withCallback ? [() => trial.note(heading, 'called')] : [];
          server.listen(...([...args, ...called] as [number]));
          await happened(server, 'listening');
          trial.note(heading, { ...(server.address() as AddressInfo), port: 0 });
          await new Promise((done) => server.close(done));
        }
      }
    },
  },
  {
    name: 'a port that is taken, and another one then',
    async run(trial) {
      const { port } = await trial.listening({});
      const server = trial.watch(trial.server({}), 'server');
      server.listen(port, '127.0.0.1');
      trial.note('at once', server.listening);
      await happened(server, 'error');
      trial.note('later', server.listening, server.address());
      server.listen(0, '127.0.0.1');
      await happened(server, 'listening');
    },
  },
  {
    name: 'a port that is taken, on every address',
    async run(trial) {
      const first = trial.server({}).listen(0);
      await happened(first, 'listening');
      const server = trial.watch(trial.server({}), 'server');
      server.listen(trial.portOf(first));
      await happened(server, 'error');
    },
  },
  {
    name: 'an address that this machine does not have, and a name that nobody has',
    async run(trial) {
      const address = trial.watch(trial.server({}), 'address');
      address.listen(0, '203.0.113.7');
      await happened(address, 'error');
      const name = trial.watch(trial.server({}), 'name');
      name.listen(0, 'no-such-name.invalid');
      await happened(name, 'error');
      trial.note('listening', address.listening, name.listening);
    },
  },
  {
    name: 'listen twice, and close what does not listen',
    async run(trial) {
      const { server } = await trial.listening({});
      trial.note(
        'again',
        thrown(() => server.listen(0)),
      );
      const idle = trial.watch(trial.server({}), 'idle');
      idle.close((error) => trial.note('idle', error));
      await closed(idle);
    },
  },
  {
    name: 'closed before it has said that it listens',
    async run(trial) {
      const server = trial.watch(trial.server({}), 'server');
      server.listen(0, '127.0.0.1');
      server.close();
      await closed(server);
      await pause(50);
    },
  },
  {
    name: 'closed and listening again within a turn, on its port',
    async run(trial) {
      const port = await trial.freePort();
      const server = trial.watch(
        trial.server({}, (socket) => socket.end('hello')),
        'server',
      );
      server.listen(port, '127.0.0.1');
      server.close();
      server.listen(port, '127.0.0.1');
      await happened(server, 'listening');
      await trial.collect(trial.connect(port, '127.0.0.1'), 'client');
    },
  },
  {
    name: 'closed while its name is looked up, and listening then',
    async run(trial) {
      const server = trial.server({}, (socket) => socket.end('hello'));
      server.listen(0, '127.0.0.1');
      server.close();
      server.listen(0, '127.0.0.1', () => trial.note('server', 'listens'));
      await happened(server, 'listening');
      await trial.collect(trial.connect(trial.portOf(server), '127.0.0.1'), 'client');
    },
  },
  {
    name: 'close waits for connections, and lets in nobody meanwhile',
    async run(trial) {
      const { server, port } = await trial.listening({}, (socket) => socket.resume());
      const first = trial.connect(port, '127.0.0.1');
      await happened(first, 'connect');
      await pause(20);
      trial.watch(server, 'server');
      server.close(() => trial.note('server', 'closed'));
      await pause(100);
      trial.note('server', 'still has one');
      const second = trial.watch(trial.connect(port, '127.0.0.1'), 'second');
      await closed(second);
      first.end();
      first.resume();
      await closed(server);
    },
  },
  {
    name: 'listens again on its port at once, also with connections of before',
    async run(trial) {
      const { server, port } = await trial.listening({}, (socket) => socket.on('data', (chunk) => socket.write(chunk)));
      for (const ends of [true, false]) {
        const socket = trial.connect(port, '127.0.0.1');
        await happened(socket, 'connect');
        if (ends) {
          socket.destroy();
          await closed(socket);
          await pause(20);
        }
        server.close();
        server.listen(port, '127.0.0.1');
        await happened(server, 'listening');
        trial.note('listens', server.address());
        if (!ends) {
          socket.write('still there');
          trial.note('before', String(await happened(socket, 'data')));
        }
        const after = trial.connect(port, '127.0.0.1');
        after.write('new');
        trial.note('after', String(await happened(after, 'data')));
        after.destroy();
        socket.destroy();
      }
    },
  },
  {
    name: 'connections are counted',
    async run(trial) {
      const { server, port } = await trial.listening({}, (socket) => socket.resume());
      const count = (): Promise<unknown> => new Promise((done) => server.getConnections((...args) => done(args)));
      const sockets = [1, 2, 3].map(() => trial.connect(port, '127.0.0.1').resume());
      await Promise.all(sockets.map((socket) => happened(socket, 'connect')));
      await pause(50);
      trial.note('three', await count());
      sockets[0]!.end();
      await closed(sockets[0]!);
      await pause(50);
      trial.note('two', await count());
    },
  },
  {
    name: 'more than maxConnections are dropped',
    async run(trial) {
      const { server, port } = await trial.listening({}, (socket) => socket.resume());
      server.maxConnections = 1;
      server.on('drop', (data) =>
        trial.note('drop', Object.keys(data ?? {}).sort(), data?.localPort, data?.remoteAddress),
      );
      const first = trial.connect(port, '127.0.0.1');
      await happened(first, 'connect');
      await pause(20);
      const second = trial.watch(trial.connect(port, '127.0.0.1'), 'second');
      second.resume();
      await closed(second);
      first.destroy();
      await closed(first);
      await pause(50);
      const third = trial.connect(port, '127.0.0.1');
      await happened(third, 'connect');
      trial.note('third', 'let in');
    },
  },
  {
    name: 'maxConnections of 0, null and undefined',
    async run(trial) {
      const { server, port } = await trial.listening({}, (socket) => socket.end('let in'));
      for (const most of [0, null, undefined]) {
        server.maxConnections = most as number;
        await trial.collect(trial.watch(trial.connect(port, '127.0.0.1'), `${most}`), `${most}`);
      }
    },
  },
  {
    name: 'pauseOnConnect',
    async run(trial) {
      let came = '';
      const { port } = await trial.listening({ pauseOnConnect: true }, (socket) => {
        trial.note('paused', socket.isPaused());
        socket.on('data', (chunk: Buffer) => (came += String(chunk)));
        void pause(100).then(() => {
          trial.note('before', came);
          socket.resume();
        });
        socket.on('end', () => trial.note('after', came));
      });
      const socket = trial.connect(port, '127.0.0.1');
      socket.end('words');
      socket.resume();
      await closed(socket);
    },
  },
  {
    name: 'allowHalfOpen is for its sockets, and they know their server',
    async run(trial) {
      const { server, port } = await trial.listening({ allowHalfOpen: true }, (socket) => {
        trial.note('socket', socket.allowHalfOpen, (socket as unknown as { server: unknown }).server === server);
        socket.end();
      });
      const socket = trial.connect(port, '127.0.0.1').resume();
      await closed(socket);
    },
  },
  {
    name: 'a signal closes it',
    async run(trial) {
      const abort = new AbortController();
      const server = trial.watch(trial.server({}), 'server');
      server.listen({ port: 0, host: '127.0.0.1', signal: abort.signal });
      await happened(server, 'listening');
      abort.abort();
      await closed(server);
      const late = trial.watch(trial.server({}), 'late');
      late.listen({ port: 0, host: '127.0.0.1', signal: AbortSignal.abort() });
      await closed(late);
    },
  },
  {
    name: 'await using',
    async run(trial) {
      const { server } = await trial.listening({});
      trial.watch(server, 'server');
      await server[Symbol.asyncDispose]();
      trial.note('listening', server.listening);
      await server[Symbol.asyncDispose]();
    },
  },
];
