import { Socket } from 'node:dgram';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { describeDatagramSocketContract, SocketProbe } from '../test-support/datagram-socket-contract.js';
import { BatchedSocket } from './batched-socket.js';
import { bindFirst, ioChoice } from './bind.js';
import type { DatagramSocket } from './datagram-socket.js';
import { SocketResources } from './socket-resources.js';
import { loadSystemCalls, type SystemCalls } from './system-calls.js';

const loaded = loadSystemCalls();
/** Where there are no such calls there is nothing to be tested. */
const describeOnLinux: (name: string, tests: () => void) => void =
  loaded === undefined ? () => undefined : (name, tests) => describe(name, tests);
const real = loaded ?? ({} as SystemCalls);

function bind(host: string, port: number, calls: SystemCalls): DatagramSocket {
  const socket = BatchedSocket.bind(host, port, calls);
  if (socket === undefined) throw new Error('no socket can be made');
  return socket;
}

/** What the kernel says to each call of `sendmmsg`: an errno name, or how many messages it takes at most. */
type Answer = string | number;

/** The real calls, but for what the answers say; those of kernels that cannot be had here. */
class StubbornCalls implements SystemCalls {
  readonly answers: Answer[] = [];
  /** What messages with a control message, so those that are to be cut, are answered. */
  onSegments: string | undefined;
  /** Messages of each call. */
  readonly counts: number[] = [];
  private error: string | undefined;
  readonly socket = real.socket;
  readonly bind = real.bind;
  readonly connect = real.connect;
  readonly close = real.close;
  readonly setsockopt = real.setsockopt;
  readonly getsockopt = real.getsockopt;
  readonly recvmmsg = real.recvmmsg;
  readonly addressOf = real.addressOf;

  readonly sendmmsg = (fd: number, messages: Uint8Array, count: number, flags: number): number => {
    this.counts.push(count);
    const answer = this.answers.shift();
    const { onSegments } = this;
    if (typeof answer === 'string') return this.fail(answer);
    let taken = Math.min(answer ?? count, count);
    if (onSegments !== undefined) {
      const plain = Array.from({ length: taken }, (_, i) => Buffer.from(messages).readUInt32LE(64 * i + 40) === 0);
      taken = plain.indexOf(false) < 0 ? taken : plain.indexOf(false);
      if (taken === 0) return this.fail(onSegments);
    }
    this.error = undefined;
    return real.sendmmsg(fd, messages, taken, flags);
  };

  readonly errno = (): string => this.error ?? real.errno();

  private fail(error: string): number {
    this.error = error;
    return -1;
  }
}

describeOnLinux('batched I/O', () => {
  describeDatagramSocketContract('batched', (host, port = 0) => bind(host, port, real));

  describeDatagramSocketContract('batched, on a device that cuts no messages', (host, port = 0) => {
    const calls = new StubbornCalls();
    calls.onSegments = 'EIO';
    return bind(host, port, calls);
  });

  const open: DatagramSocket[] = [];
  const calls = new StubbornCalls();
  const make = (): { sender: SocketProbe; other: SocketProbe } => {
    const [one, two] = [bind('127.0.0.1', 0, calls), bind('127.0.0.1', 0, real)];
    open.push(one, two);
    return { sender: new SocketProbe(one), other: new SocketProbe(two) };
  };
  const burst = ({ sender, other }: { sender: SocketProbe; other: SocketProbe }, count: number, bytes = 1350): void => {
    for (let tag = 0; tag < count; tag += 1) sender.submit(tag, bytes, other.socket);
    sender.socket.flush();
  };
  const upTo = (count: number): number[] => Array.from({ length: count }, (_, tag) => tag);

  afterEach(async () => {
    calls.answers.length = 0;
    calls.counts.length = 0;
    calls.onSegments = undefined;
    await Promise.all(open.splice(0).map((socket) => socket.close()));
  });

  test.each([
    ['127.0.0.1', [3]],
    // By IPv4, to mapped addresses, and by IPv6.
    ['::1', [3, 3]],
  ])(
    'no datagram from %s is ever cut into fragments, whatever a router has said (IP_PMTUDISC_PROBE)',
    (host, expected) => {
      let fd = -1;
      const bound = (opened: number, address: Uint8Array, bytes: number): number => {
        fd = opened;
        return real.bind(opened, address, bytes);
      };
      open.push(bind(host, 0, { ...real, bind: bound }));
      const options = [
        [0, 10],
        [41, 23],
      ].slice(0, expected.length);
      const modes = options.map(([level, name]) => {
        const value = new Uint8Array(4);
        expect(real.getsockopt(fd, level!, name!, value, Uint8Array.of(4, 0, 0, 0))).toBe(0);
        return value[0];
      });
      expect(modes).toEqual(expected);
    },
  );

  test('a run of full datagrams to one peer is one system call with one message', async () => {
    const pair = make();
    burst(pair, 40);
    expect(calls.counts).toEqual([1]);
    await pair.other.hears(40);
    expect(pair.other.tags).toEqual(upTo(40));
  });

  test('what finds the socket full goes by node:dgram, which tells when there is room; nothing is lost', async () => {
    const pair = make();
    const { sender, other } = pair;
    for (let tag = 0; tag < 30; tag += 1) sender.submit(tag, tag % 2 === 0 ? 1350 : 700, other.socket);
    calls.answers.push(3, 'EAGAIN');
    sender.socket.flush();
    // Its own queue is empty again at once: the kernel has room in truth.
    await other.hears(30);
    expect(other.tags).toEqual(upTo(30));
    expect(calls.counts).toHaveLength(2);
    burst(pair, 2);
    await other.hears(32);
  });

  test('while node:dgram holds datagrams, the socket says so, and keeps no more than a bounded number', async () => {
    const pair = make();
    // The kernel of this machine always has room: of so many nobody hears but here.
    let held = 1022;
    const queue = jest.spyOn(Socket.prototype, 'getSendQueueCount').mockImplementation(() => held++);
    try {
      calls.answers.push('EAGAIN');
      burst(pair, 5);
      expect(pair.sender.socket.from().congested()).toBe(true);
    } finally {
      queue.mockRestore();
    }
    await pair.other.hears(2);
    expect([pair.other.tags, pair.sender.errors]).toEqual([
      [0, 1],
      ['ENOBUFS', 'ENOBUFS', 'ENOBUFS'],
    ]);
    expect(pair.sender.socket.from().congested()).toBe(false);
  });

  test('a call that a signal broke off is made again', async () => {
    const pair = make();
    calls.answers.push('EINTR');
    burst(pair, 5);
    await pair.other.hears(5);
    expect(calls.counts).toEqual([1, 1]);
  });

  test.each(['EIO', 'EOPNOTSUPP'])(
    'a device that cuts no messages (%s): one message a datagram from then on',
    async (code) => {
      const pair = make();
      calls.onSegments = code;
      burst(pair, 20);
      await pair.other.hears(20);
      expect(pair.sender.socket.segmentationRefused).toBe(code);
      burst(pair, 20);
      await pair.other.hears(40);
      expect(calls.counts).toEqual([1, 20]);
      expect(pair.sender.errors).toEqual([]);
    },
  );

  test('datagrams too long for the route go one by one, shorter ones still together', async () => {
    const pair = make();
    calls.onSegments = 'EINVAL';
    burst(pair, 20);
    await pair.other.hears(20);
    calls.onSegments = undefined;
    burst(pair, 20, 1200);
    burst(pair, 20);
    await pair.other.hears(60);
    expect(calls.counts).toEqual([1, 1, 20]);
    expect(pair.sender.socket.segmentationRefused).toBeUndefined();
    // Other routes have nothing to do with it.
    const elsewhere = bind('127.0.0.2', 0, real);
    open.push(elsewhere);
    const heard = new SocketProbe(elsewhere);
    burst({ sender: pair.sender, other: heard }, 20);
    await heard.hears(20);
    expect(calls.counts).toEqual([1, 1, 20, 1]);
  });

  test('one message that fails is counted, and those behind it go', async () => {
    const { sender, other } = make();
    sender.submit(1, 100, other.socket);
    sender.submit(2, 200, other.socket);
    sender.submit(3, 300, other.socket);
    calls.answers.push(1, 'EPERM');
    sender.socket.flush();
    await other.hears(2);
    expect([other.tags, sender.errors]).toEqual([[1, 3], ['EPERM']]);
  });

  test('a flood leaves others their turn: so many datagrams are read at once, and the rest a turn later', async () => {
    const other = new SocketProbe(BatchedSocket.bind('127.0.0.1', 0, real, { now: () => 0 })!);
    const sender = new SocketProbe(bind('127.0.0.1', 0, real));
    open.push(other.socket, sender.socket);
    const turns: number[] = [];
    let inTurn = 0;
    other.onReceived = () => {
      if (inTurn === 0) {
        setImmediate(() => {
          turns.push(inTurn);
          inTurn = 0;
        });
      }
      inTurn += 1;
    };
    for (let round = 0; round < 10; round += 1) burst({ sender, other }, 60, 200);
    await other.hears(600);
    await new Promise((resolve) => setImmediate(resolve));
    expect(Math.max(...turns)).toBeLessThanOrEqual(other.socket.readsAtOnce);
    expect(turns.length).toBeGreaterThan(2);
  });

  test('where the turns of others take longer, so does reading, up to a bound', async () => {
    const clock = { ms: 0, lookMs: 1 };
    const now = (): number => (clock.ms += clock.lookMs);
    const other = new SocketProbe(BatchedSocket.bind('127.0.0.1', 0, real, { now })!);
    const sender = new SocketProbe(bind('127.0.0.1', 0, real));
    open.push(other.socket, sender.socket);
    const most = async (turnMs: number): Promise<number> => {
      const [turns, before]: [number[], number] = [[], other.received.length];
      let inTurn = 0;
      other.onReceived = () => {
        if (inTurn === 0) {
          setImmediate(() => {
            clock.ms += turnMs;
            turns.push(inTurn);
            inTurn = 0;
          });
        }
        inTurn += 1;
      };
      for (let round = 0; round < 10; round += 1) burst({ sender, other }, 60, 200);
      await other.hears(before + 600);
      await new Promise((resolve) => setImmediate(resolve));
      return Math.max(...turns);
    };
    const { readsAtOnce } = other.socket;
    expect(await most(0)).toBeLessThanOrEqual(readsAtOnce + 3 * 32);
    expect(await most(20)).toBeGreaterThan(2 * readsAtOnce);
    // Each batch takes long itself: four that are always read, and five within the bound.
    clock.lookMs = 10;
    expect(await most(10_000)).toBeLessThanOrEqual(readsAtOnce + 5 * 32);
  });
});

describe('the choice of I/O', () => {
  test('the option, else the environment, else what works', () => {
    expect(ioChoice('dgram', { KWIK_IO: 'batched' })).toBe('dgram');
    expect(ioChoice(undefined, { KWIK_IO: 'batched' })).toBe('batched');
    expect(ioChoice(undefined, {})).toBe('auto');
    expect(() => ioChoice(undefined, { KWIK_IO: 'fast' })).toThrow(/the variable KWIK_IO is 'fast'/);
  });

  test('without the system calls auto is node:dgram, and batched is refused', async () => {
    const without = new SocketResources(() => undefined);
    const socket = bindFirst(['127.0.0.1'], 0, 'auto', without);
    expect(socket.io).toBe('dgram');
    await socket.close();
    expect(() => bindFirst(['127.0.0.1'], 0, 'batched', without)).toThrow(/where the package koffi is installed/);
  });

  test('a process that may make no such socket has one of node:dgram', async () => {
    const refused = new SocketResources(() => ({ ...real, socket: () => -1 }));
    const socket = bindFirst(['127.0.0.1'], 0, 'auto', refused);
    expect(socket.io).toBe('dgram');
    await socket.close();
  });
});
