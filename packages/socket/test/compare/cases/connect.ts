import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { type Case, closed, happened } from '../trial.js';

export const connectCases: readonly Case[] = [
  {
    name: 'a connection from beginning to end',
    async run(trial) {
      const { port } = await trial.listening({}, (socket) => {
        trial.watch(socket, 'server side');
        trial.note('server side', state(socket));
        socket.end('hello');
      });
      const socket = trial.watch(trial.connect(port, '127.0.0.1'), 'client');
      trial.note('client', state(socket));
      socket.on('connect', () => trial.note('client', state(socket)));
      const all = trial.collect(socket, 'client');
      await all;
      trial.note('client', state(socket));
    },
  },
  {
    name: 'overloads of connect',
    async run(trial) {
      const { port } = await trial.listening({}, (socket) => socket.end());
      const { net } = trial;
      const made = [
        (done: () => void) => net.connect(port, '127.0.0.1', done),
        (done: () => void) => net.createConnection({ port, host: '127.0.0.1' }, done),
        (done: () => void) => net.connect({ port, host: 'localhost', family: 4 }, done),
        (done: () => void) => new net.Socket().connect(port, '127.0.0.1', done),
        (done: () => void) => new net.Socket({}).connect({ port, host: '127.0.0.1' }, done),
      ];
      for (const make of made) {
        const called = new Promise<void>((done) => trial.own(make(done)).resume());
        await called;
        trial.note('called');
      }
    },
  },
  {
    name: 'addresses before, while and after',
    async run(trial) {
      const { port } = await trial.listening({}, (socket) => {
        trial.note('server side', [
          socket.localAddress,
          socket.localPort,
          socket.localFamily,
          socket.remoteAddress,
          socket.remoteFamily,
        ]);
        trial.note('port of the client', socket.remotePort === client.localPort || client.localPort === undefined);
        socket.end();
      });
      const client = trial.connect(port, '127.0.0.1');
      trial.note('while', [client.remoteAddress, client.remotePort, client.remoteFamily]);
      await happened(client, 'connect');
      trial.note('connected', [
        client.remoteAddress,
        client.remotePort,
        client.remoteFamily,
        client.localAddress,
        client.localFamily,
      ]);
      trial.note('address', Object.keys(client.address()).sort());
      client.resume();
      await closed(client);
      trial.note('after', [client.localAddress, client.localPort, client.address()]);
    },
  },
  {
    name: 'nobody listens',
    async run(trial) {
      const port = await trial.freePort();
      const socket = trial.watch(trial.connect(port, '127.0.0.1'), 'client');
      await closed(socket);
      trial.note('client', state(socket));
    },
  },
  {
    name: 'nobody listens on any address of a name',
    async run(trial) {
      const port = await trial.freePort();
      const socket = trial.watch(trial.connect({ port, host: 'several.example', lookup: severalAddresses }), 'client');
      await closed(socket);
      trial.note('attempted', socket.autoSelectFamilyAttemptedAddresses);
    },
  },
  {
    name: 'the first of several addresses answers',
    async run(trial) {
      const { port } = await trial.listening({}, (socket) => socket.end());
      const options = { port, host: 'several.example', lookup: severalAddresses };
      const socket = trial.watch(trial.connect(options), 'client').resume();
      await closed(socket);
      trial.note('attempted', socket.autoSelectFamilyAttemptedAddresses);
    },
  },
  {
    name: 'connects twice at once',
    async run(trial) {
      const { port } = await trial.listening({});
      const socket = trial.own(new trial.net.Socket());
      for (const event of ['connectionAttempt', 'connect', 'close'])
        socket.on(event, () => trial.note('client', event));
      socket.on('error', (error: NodeJS.ErrnoException) => trial.note('client', error.code, error.syscall));
      socket.connect(port, '127.0.0.1');
      trial.note('returned', socket.connect(port, '127.0.0.1') === socket);
      await closed(socket);
      trial.note('client', state(socket));
    },
  },
  {
    name: 'nobody listens, with writes that wait',
    async run(trial) {
      const port = await trial.freePort();
      const socket = trial.watch(trial.connect(port, '127.0.0.1'), 'client');
      socket.write('a', (error) => trial.note('write', error));
      socket.write('b', (error) => trial.note('write', error));
      trial.note('bytesWritten', socket.bytesWritten);
      await closed(socket);
    },
  },
  {
    name: 'a name that has no address',
    async run(trial) {
      const socket = trial.watch(trial.connect(80, 'no-such-name.invalid'), 'client');
      await closed(socket);
    },
  },
  {
    name: 'a lookup of the caller',
    async run(trial) {
      const { port } = await trial.listening({}, (socket) => socket.end());
      const lookup = (host: string, options: { all?: boolean }, done: (...args: unknown[]) => void): void => {
        trial.note('asked', host, Object.keys(options).sort());
        setImmediate(done, null, [{ address: '127.0.0.1', family: 4 }]);
      };
      const socket = trial.watch(trial.connect({ port, host: 'somewhere', lookup: lookup as never }), 'client');
      socket.resume();
      await closed(socket);
    },
  },
  {
    name: 'a lookup of the caller for one family',
    async run(trial) {
      const { port } = await trial.listening({}, (socket) => socket.end());
      const lookup = (_host: string, options: object, done: (...args: unknown[]) => void): void => {
        trial.note('asked', options);
        setImmediate(done, null, '127.0.0.1', 4);
      };
      const socket = trial.watch(
        trial.connect({ port, host: 'localhost', family: 4, lookup: lookup as never }),
        'client',
      );
      socket.resume();
      await closed(socket);
    },
  },
  {
    name: 'a lookup that fails, and ones that give nonsense',
    async run(trial) {
      const failures: readonly ((done: (...args: unknown[]) => void) => void)[] = [
        (done) => done(Object.assign(new Error('why'), { code: 'EWHY' })),
        (done) => done(null, [{ address: 'nonsense', family: 4 }]),
        (done) => done(null, [{ address: '127.0.0.1', family: 5 }]),
      ];
      for (const [index, failure] of failures.entries()) {
        const lookup = (_host: string, _options: object, done: (...args: unknown[]) => void): void => {
          setImmediate(failure, done);
        };
        const socket = trial.connect({ port: 80, host: 'x.example', lookup: lookup as never });
        await closed(trial.watch(socket, `client ${index}`));
      }
    },
  },
  {
    name: 'what is written before there is a connection arrives in order, and counts at once',
    async run(trial) {
      const { port } = await trial.listening({}, (socket) => void trial.collect(socket, 'server side'));
      const socket = trial.connect(port, '127.0.0.1');
      trial.note('returned', socket.write('one,'));
      socket.write('two,', () => trial.note('callbacks', 'two'));
      socket.write('74687265652c', 'hex', () => trial.note('callbacks', 'three'));
      trial.note('bytesWritten', socket.bytesWritten);
      socket.end('four', () => trial.note('callbacks', 'end'));
      trial.note('bytesWritten', socket.bytesWritten);
      trial.watch(socket, 'client').resume();
      await closed(socket);
      trial.note('bytesWritten', socket.bytesWritten);
      await turn();
    },
  },
  {
    name: 'destroyed at once',
    async run(trial) {
      const { port } = await trial.listening({});
      const socket = trial.watch(trial.connect(port, '127.0.0.1'), 'client');
      socket.write('x', (error) => trial.note('write', error));
      socket.destroy();
      trial.note('client', state(socket));
      await closed(socket);
    },
  },
  {
    name: 'destroyed with an error while it connects',
    async run(trial) {
      const { port } = await trial.listening({});
      const socket = trial.watch(trial.connect(port, '127.0.0.1'), 'client');
      process.nextTick(() => socket.destroy(new Error('mine')));
      await closed(socket);
    },
  },
  {
    name: 'a signal that was aborted before, and one that is later',
    async run(trial) {
      const { port } = await trial.listening({});
      const before = new trial.net.Socket({ signal: AbortSignal.abort() });
      await closed(trial.watch(before, 'before'));
      const abort = new AbortController();
      const later = trial.watch(trial.connect({ port, host: '127.0.0.1', signal: abort.signal }), 'later');
      await happened(later, 'connect');
      abort.abort();
      await closed(later);
    },
  },
  {
    name: 'a socket that was closed connects again',
    async run(trial) {
      const { port } = await trial.listening({}, (socket) => socket.end('bye'));
      const socket = trial.watch(trial.own(new trial.net.Socket()), 'client');
      for (let time = 0; time < 3; time += 1) {
        socket.connect(port, '127.0.0.1');
        trial.note('client', state(socket));
        socket.resume();
        await closed(socket);
        trial.note('client', state(socket));
      }
    },
  },
  {
    name: 'never connected: writes wait, and are told when it is destroyed',
    async run(trial) {
      const socket = trial.watch(trial.own(new trial.net.Socket()), 'client');
      trial.note(
        'returned',
        socket.write('x', (error) => trial.note('write', error)),
      );
      await closed(socket);
      trial.note('client', state(socket));
    },
  },
  {
    name: 'a local address and a local port',
    async run(trial) {
      const localPort = await trial.freePort();
      const { port } = await trial.listening({}, (socket) => {
        trial.note('server side', socket.remoteAddress, socket.remotePort);
        socket.end();
      });
      const socket = trial.watch(
        trial.connect({ port, host: '127.0.0.1', localAddress: '127.0.0.1', localPort }),
        'client',
      );
      await happened(socket, 'connect');
      trial.note('local', socket.localAddress, socket.localPort);
      socket.resume();
      await closed(socket);
    },
  },
  {
    name: 'a local address that this machine does not have',
    async run(trial) {
      const { port } = await trial.listening({});
      const socket = trial.connect({ port, host: '127.0.0.1', localAddress: '203.0.113.7' });
      await closed(trial.watch(socket, 'client'));
    },
  },
  {
    name: 'the timeout of an idle connection, from the options',
    async run(trial) {
      const { port } = await trial.listening({});
      const socket = trial.watch(trial.connect({ port, host: '127.0.0.1', timeout: 300 }), 'client');
      trial.note('property', socket.timeout);
      await happened(socket, 'timeout');
      trial.note('destroyed', socket.destroyed);
      socket.destroy();
      await closed(socket);
    },
  },
];

/** Two addresses of this machine, of one family, so that there is an order. */
const severalAddresses = ((_host: string, _options: object, done: (...args: unknown[]) => void): void => {
  const addresses = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }));
  setImmediate(done, null, addresses);
}) as never;

export function state(socket: Socket): object {
  const { connecting, pending, destroyed, readyState, bytesRead, bytesWritten } = socket;
  return { connecting, pending, destroyed, readyState, bytesRead, bytesWritten };
}
