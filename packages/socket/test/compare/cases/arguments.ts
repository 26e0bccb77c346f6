import type { LookupFunction } from 'node:net';
import { type Case, closed, thrown, type Trial } from '../trial.js';

/** Each is refused by throwing, before anything happens. */
const REFUSED_CONNECTS: readonly unknown[] = [
  {},
  { host: '127.0.0.1' },
  { port: -1 },
  { port: 65_536 },
  { port: 1.5 },
  { port: 'http' },
  { port: '' },
  { port: null },
  { port: true },
  { port: {} },
  { port: 80, localAddress: 'nowhere' },
  { port: 80, localPort: '1' },
  { port: 80, lookup: 1, host: 'localhost' },
  { port: 80, autoSelectFamily: 'yes' },
  { port: 80, autoSelectFamily: true, autoSelectFamilyAttemptTimeout: 0 },
  { port: 80, autoSelectFamilyAttemptTimeout: '1' },
  { port: 80, host: 5 },
  { port: 80, host: true },
  { port: 80, host: {} },
  { port: 80, host: ['localhost'], autoSelectFamily: false },
  { port: 80, host: 'localhost', family: 9 },
  { port: 80, host: 'localhost', family: '4' },
  { port: 80, host: 'localhost', family: true, autoSelectFamily: false },
  { port: 80, family: 5 },
  { port: 80, host: 'localhost', hints: 1 },
  { port: 80, host: 'localhost', hints: -1, family: 4 },
  { port: 80, host: 'localhost', hints: 'x' },
];

const REFUSED_LISTENS: readonly unknown[][] = [
  [-1],
  [65_536],
  [1.5],
  ['65536'],
  [{ port: -1 }],
  [{ port: '-1' }],
  [{ port: true }],
  [{}],
  [{ host: '127.0.0.1' }],
  [true],
  [{ port: 0, signal: 1 }],
];

const toThisMachine: LookupFunction = (_, __, done) => done(null, '127.0.0.1', 4);

export const argumentCases: readonly Case[] = [
  {
    name: 'connect refuses',
    async run(trial) {
      for (const options of REFUSED_CONNECTS) {
        trial.note(
          JSON.stringify(options),
          thrown(() => connect(trial, options)),
        );
      }
      trial.note(
        'nothing at all',
        thrown(() => connect(trial)),
      );
    },
  },
  {
    name: 'listen refuses',
    async run(trial) {
      for (const args of REFUSED_LISTENS) {
        trial.note(
          JSON.stringify(args),
          thrown(() => trial.server({}).listen(...(args as [number]))),
        );
      }
    },
  },
  {
    name: 'setTimeout refuses what timers refuse',
    async run(trial) {
      const socket = trial.own(new trial.net.Socket());
      for (const ms of ['1', {}, undefined, null, NaN, -1, Infinity]) {
        trial.note(
          JSON.stringify(ms) ?? 'undefined',
          thrown(() => void socket.setTimeout(ms as number)),
        );
      }
      trial.note(
        'callback',
        thrown(() => void socket.setTimeout(1000, 'x' as never)),
      );
      trial.note('returns', socket.setTimeout(0) === socket);
      trial.note('property', socket.timeout);
    },
  },
  {
    name: 'ports as strings, hosts that are null, and paths that are null',
    async run(trial) {
      const { port } = await trial.listening({}, (socket) => socket.end());
      for (const args of [
        [String(port), '127.0.0.1'],
        [{ port: String(port), host: '127.0.0.1', path: null }],
        [{ port, host: '127.0.0.1', path: '' }],
        [{ port, host: '127.0.0.1', localAddress: null, localPort: undefined, lookup: undefined, family: undefined }],
        [{ port: `0x${port.toString(16)}`, host: '127.0.0.1' }],
        // What a lookup would refuse, where none is asked.
        [{ port, host: '127.0.0.1', family: 9, hints: 1 }],
        [{ port, host: 'localhost', family: 4, hints: 32 }],
        [{ port, host: 0, family: 'IPv4', hints: null }],
        [{ port, host: 5, family: 9, hints: 1, lookup: toThisMachine, autoSelectFamily: false }],
      ]) {
        // Some versions of Node refuse hosts that are no strings.
        try {
          const socket = trial.connect(...args);
          socket.resume();
          trial.note('hadError', await closed(socket));
        } catch (error) {
          trial.note('refused', error);
        }
      }
    },
  },
  {
    name: 'what a fresh socket and a fresh server say of themselves',
    async run(trial) {
      const socket = trial.own(new trial.net.Socket());
      const { connecting, pending, destroyed, readyState, bytesRead, bytesWritten, timeout, readable, writable } =
        socket;
      trial.note('socket', {
        connecting,
        pending,
        destroyed,
        readyState,
        bytesRead,
        bytesWritten,
        timeout,
        readable,
        writable,
      });
      trial.note('address', socket.address());
      trial.note('remote', [socket.remoteAddress, socket.remoteFamily, socket.remotePort]);
      trial.note('local', [socket.localAddress, socket.localFamily, socket.localPort]);
      trial.note('marks', [socket.readableHighWaterMark, socket.writableHighWaterMark, socket.allowHalfOpen]);
      trial.note(
        'chained',
        [socket.setNoDelay(), socket.setKeepAlive(true, 10), socket.ref(), socket.unref()].map(
          (each) => each === socket,
        ),
      );
      const server = trial.server({});
      trial.note('server', [
        server.listening,
        server.address(),
        server.maxConnections,
        server.ref() === server,
        server.unref() === server,
      ]);
      const { allowHalfOpen, pauseOnConnect } = server as unknown as {
        allowHalfOpen: boolean;
        pauseOnConnect: boolean;
      };
      trial.note('options', { allowHalfOpen, pauseOnConnect });
    },
  },
  {
    name: 'without new',
    async run(trial) {
      const { Socket, Server, Stream } = trial.net as unknown as Record<string, (...args: unknown[]) => object>;
      trial.note('socket', Socket!() instanceof trial.net.Socket);
      trial.note('stream', Stream!() instanceof trial.net.Socket);
      trial.note('server', Server!() instanceof trial.net.Server);
      trial.note(
        'bad server',
        thrown(() => Server!('x')),
      );
      trial.note('bad sockets', [
        thrown(() => Socket!({ objectMode: true })),
        thrown(() => Socket!({ readableObjectMode: true })),
        thrown(() => Socket!({ writableObjectMode: true })),
        thrown(() => Socket!({ keepAliveInitialDelay: '1' })),
      ]);
    },
  },
];

function connect(trial: Trial, ...args: unknown[]): void {
  const socket = trial.own(new trial.net.Socket());
  socket.on('error', () => undefined);
  socket.connect(...(args as [number]));
}
