import { BlockList, type LookupFunction, Socket } from 'node:net';
import { type Case, closed, thrown } from '../trial.js';

/** What not every Node has that runs this: without it there is nothing to be compared with. */
const HAS_BLOCK_LIST = 'isBlockList' in BlockList;
const HAS_TYPE_OF_SERVICE = 'setTypeOfService' in Socket.prototype;

const several = (...addresses: string[]): LookupFunction =>
  ((_host: string, _options: object, done: (error: null, found: object[]) => void) => {
    const found = addresses.map((address) => ({ address, family: 4 }));
    setImmediate(done, null, found);
  }) as unknown as LookupFunction;

function listOf(...addresses: string[]): BlockList {
  const list = new BlockList();
  for (const address of addresses) list.addAddress(address);
  return list;
}

const blockListCases: readonly Case[] = [
  {
    name: 'a server lets nobody in from an address that is blocked',
    async run(trial) {
      const options = { blockList: listOf('127.0.0.1') } as object;
      const { server, port } = await trial.listening(options, () => trial.note('server', 'let in'));
      trial.note('has it', 'blockList' in server);
      server.on('drop', () => trial.note('server', 'drop'));
      await closed(trial.watch(trial.connect(port, '127.0.0.1'), 'client').resume());
    },
  },
  {
    name: 'a socket connects to no address that is blocked',
    async run(trial) {
      const { port } = await trial.listening({}, (socket) => socket.end('hello'));
      const one = listOf('127.0.0.1');
      for (const [name, options] of Object.entries({
        address: { host: '127.0.0.1', blockList: one },
        name: { host: 'one.example', lookup: several('127.0.0.1'), blockList: one },
        'one of two': {
          host: 'two.example',
          lookup: several('127.0.0.2', '127.0.0.1'),
          blockList: listOf('127.0.0.2'),
        },
        'all of two': {
          host: 'two.example',
          lookup: several('127.0.0.1', '127.0.0.2'),
          blockList: listOf('127.0.0.1', '127.0.0.2'),
        },
        another: { host: '127.0.0.1', blockList: listOf('127.0.0.3') },
      })) {
        const socket = trial.connect({ port, ...options }).resume();
        for (const event of ['connectionAttempt', 'connectionAttemptFailed', 'connect', 'end']) {
          socket.on(event, (...what: unknown[]) => trial.note(name, event, ...what));
        }
        socket.on('error', ({ code, message }: NodeJS.ErrnoException) => trial.note(name, code, message));
        trial.note(name, 'had error', await closed(socket));
      }
    },
  },
  {
    name: 'what is no list is refused',
    run(trial) {
      const code = (action: () => unknown): unknown => (thrown(action) as { code?: string }).code;
      trial.note(
        'socket',
        code(() => new trial.net.Socket({ blockList: {} } as object)),
      );
      trial.note(
        'server',
        code(() => trial.net.createServer({ blockList: {} } as object)),
      );
      return Promise.resolve();
    },
  },
];

interface OfService {
  setTypeOfService(tos: unknown): unknown;
  getTypeOfService(): number;
}

const typeOfServiceCases: readonly Case[] = [
  {
    name: 'a type of service is kept until there is a connection',
    run(trial) {
      const socket = trial.own(new trial.net.Socket()) as unknown as OfService;
      trial.note('at first', socket.getTypeOfService());
      trial.note('returns', socket.setTypeOfService(16) === socket);
      trial.note('then', socket.getTypeOfService());
      for (const tos of ['1', 1.5, -1, 256, NaN, undefined]) {
        trial.note(
          `${tos}`,
          thrown(() => socket.setTypeOfService(tos)),
        );
      }
      const made = new trial.net.Socket({ typeOfService: 8 } as object) as unknown as OfService;
      trial.note('by the options', made.getTypeOfService());
      trial.note(
        'no such one',
        thrown(() => new trial.net.Socket({ typeOfService: 300 } as object)),
      );
      return Promise.resolve();
    },
  },
];

export const newerCases: readonly Case[] = [
  ...(HAS_BLOCK_LIST ? blockListCases : []),
  ...(HAS_TYPE_OF_SERVICE ? typeOfServiceCases : []),
];
