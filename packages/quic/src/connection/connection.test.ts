import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { KwikError, type PathTransportHandler, type TransportCloseInfo, type TransportStream } from '@kwik/wire';
import { resolveTransport } from './transport-options.js';
import { FakeBackend } from '../test-support/fake-backend.js';
import { type FakeHost, fakeHost } from '../test-support/fake-host.js';
import { Connection } from './connection.js';
import { PathSampler } from './path-sampler.js';

let backend: FakeBackend;
let connection: Connection;
/** Another one, of the same peer. */
let make: (stranger?: string) => Connection;
let now: number;
let woken: number;
let log: string[];
let host: FakeHost;

const ADDRESS = { address: '127.0.0.1', port: 1, family: 'IPv4' } as const;

beforeEach(() => {
  now = 100;
  woken = 0;
  log = [];
  backend = new FakeBackend();
  backend.rttMs = 0;
  const wake = (): void => void (woken += 1);
  host = {
    ...fakeHost(
      () => now,
      (what) => log.push(what),
    ),
    wake,
    wakeBy: wake,
  };
  make = (stranger) =>
    new Connection(
      backend,
      {
        side: 'server',
        local: ADDRESS,
        remote: ADDRESS,
        id: new Uint8Array(16),
        transport: resolveTransport(),
        handshakeDeadlineMs: 5000,
        onHandshakeTimeout: () => new KwikError('ERR_KWIK_TIMEOUT'),
        ...(stranger === undefined ? {} : { stranger }),
      },
      host,
      {
        awaitsPeer: false,
        serverLeaf: () => undefined,
        check: () => undefined,
        completed: () => log.push('completed'),
        opened: () => log.push('opened'),
        failed: (_, info, refusal) => {
          log.push(`failed ${refusal?.code ?? info.by}`);
          return undefined;
        },
      },
      now,
    );
  connection = make();
});

function handler(more: Partial<PathTransportHandler> = {}): PathTransportHandler {
  return {
    onStream: (stream) => stream.attach(recorder(stream)),
    onSendable: () => log.push('sendable'),
    onClose: (info: TransportCloseInfo) => log.push(`close ${info.by} ${info.code} ${info.error?.code ?? ''}`.trim()),
    ...more,
  };
}

function recorder(stream: TransportStream): Parameters<TransportStream['attach']>[0] {
  const say = (text: string): void => void log.push(`${stream.id} ${text}`);
  return {
    onData: (chunk) => say(`data ${chunk.length}`),
    onEnd: () => say('end'),
    onReset: (code) => say(`reset ${code}`),
    onStopSending: (code) => say(`stop ${code}`),
    onWritable: () => say('writable'),
  };
}

function turn(ms = 1): void {
  now += ms;
  bothHalves();
}

function bothHalves(): void {
  connection.deliver(now);
  connection.transmit(now);
}

/** Through the handshake, attached, and told that it can send. */
function start(more: Partial<PathTransportHandler> = {}): void {
  turn();
  connection.attach(handler(more));
  turn();
  log = [];
}

describe('a connection', () => {
  test('calls its handlers in turns only, never inside a call of theirs or of the application', () => {
    turn();
    expect(log).toEqual(['completed', 'opened']);
    backend.arrive(0, new Uint8Array(10), true);
    connection.attach(handler());
    expect(log).toEqual(['completed', 'opened']);
    expect(woken).toBeGreaterThan(0);
    turn();
    expect(log).toEqual(['completed', 'opened', '0 data 10', '0 end', 'sendable']);
    const stream = connection.openStream({ unidirectional: false });
    stream?.attach(recorder(stream));
    stream?.write(new Uint8Array(2_000_000));
    backend.stream(1).stopped = 5;
    connection.receive(Uint8Array.of(0x40), now);
    connection.close(3, 'done');
    expect(log).toHaveLength(5);
  });

  test('delivers what came before the end, then the end, and nothing after', () => {
    start();
    backend.arrive(0, new Uint8Array(7));
    backend.peerReason = { application: true, code: 9, reason: 'bye' };
    backend.isDraining = true;
    turn();
    expect(log).toEqual(['0 data 7', 'ended', 'close peer 9']);
    backend.arrive(4, new Uint8Array(7));
    turn();
    expect(log).toHaveLength(3);
  });

  test('an end before anybody listens waits for the listener', () => {
    turn();
    backend.arrive(0, new Uint8Array(7));
    backend.peerReason = { application: true, code: 9, reason: '' };
    backend.isDraining = true;
    turn();
    connection.attach(handler());
    turn();
    expect(log.filter((entry) => entry !== 'sendable')).toEqual([
      'completed',
      'opened',
      '0 data 7',
      'ended',
      'close peer 9',
    ]);
  });

  test('sends what was written before the close frame, over several windows', () => {
    start();
    const stream = connection.openStream({ unidirectional: true });
    const taken = stream?.write(new Uint8Array(60_000)) ?? 0;
    expect(taken).toBe(60_000);
    connection.close(4, 'done');
    expect(stream?.write(new Uint8Array(1))).toBe(0);
    for (let i = 0; i < 20; i += 1) {
      turn();
      backend.acknowledge(14_000);
      connection.receive(Uint8Array.of(0x40), now);
    }
    expect(backend.stream(3).sent).toBe(60_000);
    expect(log).toEqual(['ended', 'close local 4']);
    expect(backend.localReason).toEqual({ application: true, code: 4, reason: 'done' });
  });

  test('does not wait for ever for a peer that is gone', () => {
    start();
    const stream = connection.openStream({ unidirectional: true });
    stream?.write(new Uint8Array(60_000));
    turn();
    connection.close(4, 'done');
    turn(900);
    expect(log).toEqual([]);
    expect(connection.nextDeadlineMs()).toBeLessThan(Infinity);
    for (let i = 0; i < 4; i += 1) turn(200);
    expect(log).toEqual(['ended', 'close local 4']);
  });

  test('a handshake that takes too long fails', () => {
    backend.isEstablished = false;
    turn();
    expect(connection.nextDeadlineMs()).toBe(5000);
    turn(6000);
    expect(log).toEqual(['ended', 'failed ERR_KWIK_TIMEOUT']);
    expect(connection.halfOpen).toBe(false);
  });

  test('silence ends it as idle; a broken peer as a violation; a stateless reset as a dead path', () => {
    start();
    backend.isClosed = true;
    backend.isTimedOut = true;
    turn();
    expect(log).toEqual(['ended', 'close idle 0 ERR_KWIK_IDLE_TIMEOUT']);
  });

  test('a flood of bytes without data closes it', () => {
    start();
    for (let i = 0; i < 800; i += 1) connection.receive(new Uint8Array(60_000).fill(0x40), now);
    turn(10);
    expect(log).toEqual(['ended', 'close error 0 ERR_KWIK_EXCESSIVE_LOAD']);
    expect(backend.localReason).toMatchObject({ application: false, code: 0x0a });
  });

  test('so does a handshake that never ends, however much it brings', () => {
    backend.isEstablished = false;
    for (let i = 0; i < 10; i += 1) connection.receive(new Uint8Array(30_000).fill(0xc0), now);
    turn();
    expect(log).toEqual(['ended', 'failed ERR_KWIK_EXCESSIVE_LOAD']);
  });

  test('a stream that nobody attaches to is stopped and reset', () => {
    start({ onStream: () => undefined });
    backend.arrive(0, new Uint8Array(10));
    turn();
    turn();
    expect(log).toEqual([]);
    expect([...backend.readableStreams()]).toEqual([]);
  });

  test('mere acknowledgements wait a little, data does not', () => {
    start();
    now += 1000;
    connection.receive(Uint8Array.of(0x40), now);
    bothHalves();
    const before = backend.datagrams.length;
    now += 10;
    backend.arrive(0, new Uint8Array(10));
    connection.receive(Uint8Array.of(0x40), now);
    bothHalves();
    expect(log).toEqual(['0 data 10']);
    expect(backend.datagrams).toHaveLength(before);
    expect(connection.nextDeadlineMs()).toBe(now + 1);
    turn(1);
    expect(backend.datagrams).toHaveLength(before + 1);
    connection.receive(Uint8Array.of(0x40), now);
    connection.openStream({ unidirectional: true })?.write(new Uint8Array(5));
    bothHalves();
    expect(backend.datagrams).toHaveLength(before + 2);
  });

  test('what is said between the halves of a turn goes with the acknowledgement, and needs no other turn', () => {
    start();
    const stream = connection.openStream({ unidirectional: true });
    const before = backend.datagrams.length;
    connection.receive(Uint8Array.of(0x40), now);
    connection.deliver(now);
    connection.answering = true;
    woken = 0;
    stream?.write(new Uint8Array(5));
    connection.ping();
    expect([backend.datagrams.length - before, woken]).toEqual([0, 0]);
    connection.answering = false;
    connection.transmit(now);
    expect(backend.datagrams.length - before).toBe(1);
    expect(backend.acknowledgementPending).toBe(false);
  });

  test('what waited for the window goes in the first half, before anybody writes more', () => {
    backend.cwndBytes = 3000;
    start();
    const stream = connection.openStream({ unidirectional: true });
    for (let taken = 1; taken > 0; ) taken = stream?.write(new Uint8Array(1000)) ?? 0;
    turn();
    const before = backend.datagrams.length;
    backend.acknowledge(3000);
    connection.receive(Uint8Array.of(0x40), now);
    connection.deliver(now);
    expect(backend.datagrams.length).toBeGreaterThan(before);
  });

  test('what came with the end of the connection, between the halves of a turn, is told before the end', () => {
    start();
    connection.deliver(now);
    backend.arrive(0, new Uint8Array(7));
    backend.peerReason = { application: true, code: 3, reason: 'enough' };
    backend.isDraining = true;
    connection.receive(Uint8Array.of(0x40), now);
    connection.transmit(now);
    expect(log).toEqual([]);
    bothHalves();
    expect(log).toEqual(['0 data 7', 'ended', 'close peer 3']);
  });

  test('strangers at one address have one part of the processor, and who is known has another', () => {
    const [known, other] = [make('at 192.0.2.1'), make('at 192.0.2.1')];
    expect(host.shares.size).toBe(1);
    known.acceptPeer({ peer: 'as somebody', weight: 2 });
    expect(host.shares.size).toBe(2);
    known.acceptPeer();
    other.acceptPeer();
    connection.acceptPeer();
    expect(host.shares.size).toBe(2);
  });

  test('one that has had more than its share keeps its packets for its turn, and loses what finds no room', () => {
    start();
    let dearMs = 0;
    const other = host.shares.open(now);
    const stream = connection.openStream({ unidirectional: true });
    for (let i = 0; i < 20; i += 1) {
      host.shares.charge(other, 0.25, now);
      connection.processor.charge(0.9, now);
      turn();
    }
    expect(connection.processor.overShare(now)).toBe(true);
    const before = backend.received.length;
    woken = 0;
    for (let i = 0; i < 4000; i += 1) connection.receive(Uint8Array.of(0x40, i & 0xff), now);
    expect([backend.received.length - before, woken > 0, log.includes('dropped')]).toEqual([0, true, true]);
    // Each takes a tenth of a millisecond: a turn has time for ten or so, and asks for another.
    backend.onReceive = () => (dearMs += 0.1);
    host.now = () => now + dearMs;
    woken = 0;
    stream?.write(new Uint8Array(5));
    turn();
    const taken = backend.received.length - before;
    expect(taken).toBeGreaterThan(8);
    expect(taken).toBeLessThan(14);
    expect(backend.received.at(-1)?.[1]).toBe(taken - 1);
    expect(woken).toBeGreaterThan(0);
  });

  test('what its user takes long to read is read in small pieces, a turn at a time', () => {
    let spentMs = 0;
    const pieces: number[] = [];
    host.now = () => now + spentMs;
    start({
      onStream: (stream) =>
        stream.attach({
          ...recorder(stream),
          onData: ({ length }) => {
            pieces.push(length);
            spentMs += length / 4096;
          },
        }),
    });
    for (let i = 0; i < 100; i += 1) backend.arrive(0, new Uint8Array(8192));
    const turnsMs: number[] = [];
    for (let i = 0; i < 10; i += 1) {
      woken = 0;
      const beforeMs = spentMs;
      turn();
      turnsMs.push(spentMs - beforeMs);
      expect(woken).toBeGreaterThan(0);
    }
    // A millisecond, and the piece that is being read then.
    expect(Math.max(...turnsMs)).toBeLessThanOrEqual(2);
    expect(Math.max(...turnsMs.slice(3))).toBeLessThanOrEqual(1.5);
    expect(pieces.every((bytes) => bytes <= 8192)).toBe(true);
  });

  test('a stream whose user is slow does not stop the others', () => {
    let spentMs = 0;
    const heard: number[] = [];
    host.now = () => now + spentMs;
    start({
      onStream: (stream) =>
        stream.attach({
          ...recorder(stream),
          onData: () => {
            heard.push(stream.id);
            if (stream.id === 0) spentMs += 2;
          },
        }),
    });
    for (let i = 0; i < 100; i += 1) backend.arrive(0, new Uint8Array(8192));
    turn();
    backend.arrive(4, new Uint8Array(10));
    backend.arrive(8, new Uint8Array(10));
    turn();
    turn();
    expect(heard.slice(0, 4)).toEqual([0, 4, 8, 0]);
  });

  test('what was held does not take the time of what is to be read', () => {
    let spentMs = 0;
    const pieces: number[] = [];
    start({
      onStream: (stream) => stream.attach({ ...recorder(stream), onData: ({ length }) => pieces.push(length) }),
    });
    const other = host.shares.open(now);
    for (let i = 0; i < 20; i += 1) {
      host.shares.charge(other, 0.25, now);
      connection.processor.charge(0.9, now);
      turn();
    }
    for (let i = 0; i < 200; i += 1) connection.receive(Uint8Array.of(0x40, i), now);
    backend.onReceive = () => (spentMs += 0.1);
    host.now = () => now + spentMs;
    for (let i = 0; i < 4; i += 1) backend.arrive(0, new Uint8Array(8192));
    turn();
    expect(pieces.reduce((sum, bytes) => sum + bytes, 0)).toBe(4 * 8192);
  });

  test('codes must fit the wire', () => {
    start();
    for (const code of [-1, 1.5, NaN, 2 ** 60]) {
      expect(() => connection.close(code, '')).toThrow(expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' }));
    }
  });
});

test('what is known of a path is no more of use when the peer has moved', () => {
  const moved = jest.spyOn(PathSampler.prototype, 'moved');
  start();
  connection.receive(new Uint8Array(50), now, backend.peer);
  expect(moved).not.toHaveBeenCalled();
  backend.peer = { host: '127.0.0.2', port: 7 };
  connection.receive(new Uint8Array(50), now, backend.peer);
  connection.receive(new Uint8Array(50), now, backend.peer);
  expect(connection.remote).toMatchObject({ address: '127.0.0.2', port: 7 });
  expect(moved).toHaveBeenCalledTimes(1);
  moved.mockRestore();
});
