import { describe, expect, test } from '@jest/globals';
import { toPathId, type Clock, type PathTransport, type TransportStream } from '@kwik/wire';
import { DataPlane } from '../../core/data/data-plane.js';
import { NODE_NATIVES } from '../host/node-natives.js';
import { PathPort } from './path-port.js';
import { PathRuntime } from './path-runtime.js';

const time = { now: 0 };
const CLOCK: Clock = { now: () => time.now, schedule: () => ({ cancel: () => undefined }) };
const ADDRESS = { address: '127.0.0.1', port: 1, family: 'IPv4' } as const;

/** A connection whose peer reads nothing. */
class StalledTransport implements PathTransport {
  readonly side = 'client';
  readonly local = ADDRESS;
  readonly remote = ADDRESS;
  readonly peerCertificates = [];
  readonly channelBinding = new Uint8Array(32);
  closed = false;
  closeCode: number | undefined;
  pings = 0;
  heardMs = 0;

  ping(): void {
    this.pings += 1;
  }

  attach(): void {
    // Nothing ever comes.
  }

  openStream(): TransportStream {
    const ignore = (): void => undefined;
    const rest = { attach: ignore, end: ignore, reset: ignore, stopSending: ignore, pause: ignore, resume: ignore };
    return { id: 0, unidirectional: false, openedByPeer: false, write: () => 0, ...rest };
  }

  sendableBytes(): number {
    return 0;
  }

  lastReceivedMs(): number {
    return this.heardMs;
  }

  stats(): ReturnType<PathTransport['stats']> {
    const nothing = {
      minRttMs: 0,
      rttVarMs: 0,
      cwndBytes: 0,
      bytesInFlight: 0,
      unsentBytes: 0,
      deliveryRateBytesPerSecond: 0,
    };
    const counts = { sentPackets: 0, lostPackets: 0, sentBytes: 0, receivedBytes: 0 };
    return { rttMs: 0, datagramBytes: 1350, ...nothing, ...counts };
  }

  close(code: number): void {
    this.closed = true;
    this.closeCode = code;
  }
}

function setUp() {
  time.now = 0;
  const transport = new StalledTransport();
  const nothing = (): void => undefined;
  const port = new PathPort(transport, CLOCK, {
    onControlOpen: nothing,
    onControlEvent: nothing,
    onControlFailure: nothing,
    onChunk: nothing,
    onRealStreamEnd: nothing,
    onSendable: nothing,
    onClose: nothing,
  });
  port.openControl();
  const dead: PathRuntime[] = [];
  const settled: PathRuntime[] = [];
  const path = new PathRuntime({
    id: toPathId(1),
    address: 'second.example:1',
    primary: false,
    port,
    peer: { maxBidiStreams: 1, maxUniStreams: 1, streamWindowBytes: 1000, pathWindowBytes: 1000 },
    clock: CLOCK,
    events: {
      onMessage: nothing,
      onChunk: nothing,
      onRealStreamEnd: nothing,
      onActivity: nothing,
      onQueued: nothing,
      onStateChange: nothing,
      onStall: (one) => settled.push(one),
      onOverdue: () => false,
      onDead: (one) => dead.push(one),
    },
  });
  return { transport, path, dead, settled };
}

describe('a peer that reads no control messages', () => {
  const notice = { $case: 'close', value: { code: 0, reason: 'x'.repeat(500), error: false } } as const;

  test('loses its path when the queue is full; nothing is thrown where nobody would catch it', () => {
    const { transport, path, dead } = setUp();
    let sent = 0;
    for (; path.alive && sent < 10_000; sent++) path.send(notice);
    expect(sent).toBeGreaterThan(1000);
    expect(sent).toBeLessThan(4000);
    expect(dead).toEqual([path]);
    expect(path.death).toMatchObject({
      code: 'ERR_KWIK_LIMIT_EXCEEDED',
      scope: 'path',
      message: expect.stringMatching(/^second\.example:1 takes no control messages/),
    });
    expect(transport.closeCode).toBe(path.death?.wireNumber);
    path.send(notice);
    path.reply(1n, notice);
    expect(dead).toHaveLength(1);
  });

  test('a mistake of our own is still one', () => {
    const { path } = setUp();
    expect(() => path.send({ $case: 'close', value: { code: 0, reason: 'x'.repeat(600), error: false } })).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_INVALID_MESSAGE' }),
    );
    expect(path.alive).toBe(true);
  });
});

describe('signs of life', () => {
  const options = { streamWindowBytes: 1000, pathWindowBytes: 1000, sendBufferBytes: 1000, maxStreams: 9 };

  test('on a path that carries nothing QUIC asks for them', () => {
    const { transport, path } = setUp();
    path.join(new DataPlane({ role: 'client', maxPacketBytes: 60_000, natives: NODE_NATIVES, ...options }));
    const dueMs = path.nextTimeoutMs() as number;
    expect(dueMs).toBe(3000);
    path.handleTimeout(dueMs);
    expect([transport.pings, path.data.pendingFrameCount]).toEqual([1, 0]);
    // A second later it is suspected, and asked once more.
    expect(path.nextTimeoutMs()).toBe(dueMs + 1000);
    path.handleTimeout(dueMs + 1000);
    expect([path.health, transport.pings, path.data.pendingFrameCount]).toEqual(['suspected', 2, 0]);
  });

  test('while something is awaited, KWIK itself asks', () => {
    const { transport, path } = setUp();
    path.join(new DataPlane({ role: 'client', maxPacketBytes: 60_000, natives: NODE_NATIVES, ...options }));
    path.expectData(true);
    path.handleTimeout(path.nextTimeoutMs() as number);
    expect([transport.pings, path.data.pendingFrameCount]).toEqual([0, 1]);
  });

  test('and on a path that is alone QUIC does, for nothing is sent elsewhere where no answer comes', () => {
    const { transport, path } = setUp();
    path.join(new DataPlane({ role: 'client', maxPacketBytes: 60_000, natives: NODE_NATIVES, ...options }));
    path.alone = true;
    path.expectData(true);
    path.handleTimeout(path.nextTimeoutMs() as number);
    expect([transport.pings, path.data.pendingFrameCount]).toEqual([1, 0]);
  });

  const suspectedAt = (path: PathRuntime, untilMs: number): void => {
    while (path.health !== 'suspected' && time.now < untilMs) {
      time.now = path.nextTimeoutMs() as number;
      path.handleTimeout(time.now);
    }
    expect(path.health).toBe('suspected');
  };

  test('after an outage nothing new follows what is still to be delivered, for a second at the most', () => {
    const { transport, path, settled } = setUp();
    const plane = new DataPlane({ role: 'primary', maxPacketBytes: 60_000, natives: NODE_NATIVES, ...options });
    path.join(plane);
    const stream = plane.open(true);
    stream.send!.write(new Uint8Array(100));
    plane.markReady(stream);
    expect(plane.pollPacket(path.id, 2000, time.now)).toBeDefined();
    path.onPacketSent();
    suspectedAt(path, 500);
    transport.heardMs = time.now += 400;
    const backMs = time.now;
    path.nextTimeoutMs();
    expect([path.machine.state, path.health]).toEqual(['active', 'settling']);
    transport.heardMs = time.now = backMs + 900;
    // It is looked at again in time, though nothing more comes.
    expect(path.nextTimeoutMs()).toBeLessThanOrEqual(backMs + 1000);
    expect(path.health).toBe('settling');
    time.now = backMs + 1000;
    path.handleTimeout(time.now);
    expect([path.health, settled.length]).toEqual(['active', 1]);
  });

  test('a path that owes nothing is as it was as soon as it is heard', () => {
    const { transport, path } = setUp();
    path.join(new DataPlane({ role: 'client', maxPacketBytes: 60_000, natives: NODE_NATIVES, ...options }));
    suspectedAt(path, 10_000);
    transport.heardMs = time.now += 400;
    path.nextTimeoutMs();
    expect(path.health).toBe('active');
  });
});
