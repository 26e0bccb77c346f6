import { beforeEach, describe, expect, test } from '@jest/globals';
import { FakeBackend } from '../test-support/fake-backend.js';
import { BlockPool, ByteQueue } from './byte-queue.js';
import { Pacer } from './pacer.js';
import { PathSampler } from './path-sampler.js';
import { Sender } from './sender.js';
import { QuicStream } from './stream.js';

const DATAGRAM = 1350;

let backend: FakeBackend;
let pacer: Pacer;
let sampler: PathSampler;
let sender: Sender;
let streams: Map<number, QuicStream>;
let submitted: number;
let congested: boolean;
let now: number;

/** `rttMs` 0: a path too short to pace. */
function start(cwndBytes: number, rttMs: number): void {
  backend = new FakeBackend();
  backend.cwndBytes = cwndBytes;
  backend.acknowledge(0);
  backend.rttMs = rttMs;
  now = 1000;
  pacer = new Pacer(true, 'cubic', DATAGRAM, now);
  sampler = new PathSampler();
  streams = new Map();
  submitted = 0;
  congested = false;
  const slot = Buffer.alloc(DATAGRAM);
  const output = { slot: () => slot, submit: (bytes: number) => void (submitted += bytes), congested: () => congested };
  const options = { datagramBytes: DATAGRAM, baseBytes: DATAGRAM, sendAheadMs: 4 };
  sender = new Sender(backend, pacer, sampler, output, streams, options);
  sample();
}

function sample(): void {
  sampler.record(backend.pathStats(), now);
  // The backend's time is exact here: no half millisecond is added.
  pacer.update({ ...sampler.model(0, true), rttMs: backend.rttMs, minRttMs: backend.rttMs }, now);
}

function open(id = streams.size * 4): QuicStream {
  const owner = {
    accept: (stream: QuicStream, data: Uint8Array) => sender.accept(stream, data, now),
    finish: (stream: QuicStream) => sender.finish(stream),
    reset: () => undefined,
    stop: () => undefined,
    readMore: () => undefined,
  };
  const stream = new QuicStream(id, false, new ByteQueue(new BlockPool()), 'open', 'open', owner);
  backend.createStream(id);
  streams.set(id, stream);
  sender.onStreamOpened();
  return stream;
}

/** Time passes in steps of 1 ms; acknowledgements come back after the round trip. */
function run(ms: number): void {
  const flights: { due: number; bytes: number }[] = [];
  for (const end = now + ms; now < end; now += 1) {
    for (const flight of flights.filter(({ due }) => due === now)) {
      backend.acknowledge(flight.bytes);
      sender.onReceived(now);
    }
    const before = backend.inFlight;
    sender.transmit(now);
    if (backend.inFlight > before) flights.push({ due: now + backend.rttMs, bytes: backend.inFlight - before });
  }
}

function sentOf(stream: QuicStream): number {
  return backend.stream(stream.id).sent;
}

describe('without pacing', () => {
  beforeEach(() => start(100_000, 0));

  test('what is written goes out at once, and the window has as much less', () => {
    const stream = open();
    expect(stream.write(new Uint8Array(50_000))).toBe(50_000);
    expect(sender.unsentBytes).toBe(50_000);
    sender.transmit(now);
    expect(sentOf(stream)).toBe(50_000);
    expect(sender.unsentBytes).toBe(0);
    expect(sender.sendable(now)).toBe(50_000);
  });

  test('a full window holds the rest here; acknowledgements let it go', () => {
    const stream = open();
    stream.write(new Uint8Array(300_000));
    sender.transmit(now);
    sender.transmit(now);
    expect(sentOf(stream)).toBeLessThanOrEqual(100_000);
    expect(sentOf(stream)).toBeGreaterThan(90_000);
    // Exact but for the headers of what the backend holds.
    expect(Math.abs(sender.unsentBytes - (300_000 - sentOf(stream)))).toBeLessThan(500);
    expect(sender.sendable(now)).toBe(0);
    backend.acknowledge(100_000);
    sender.onReceived(now);
    sender.transmit(now);
    sender.transmit(now);
    expect(sentOf(stream)).toBeGreaterThan(190_000);
  });

  test('one turn has a bound, and says that there is more', () => {
    backend.cwndBytes = 1_000_000;
    backend.acknowledge(0);
    sample();
    const stream = open();
    stream.write(new Uint8Array(500_000));
    sender.transmit(now);
    expect(backend.datagrams).toHaveLength(64);
    expect(sender.hasMore).toBe(true);
  });

  test('what one connection takes is bounded, and a small write on another stream still gets through', () => {
    const bulk = open();
    const control = open();
    expect(bulk.write(new Uint8Array(5_000_000))).toBeLessThanOrEqual(1_100_000);
    expect(bulk.write(new Uint8Array(1))).toBe(0);
    expect(bulk.wantsWritable).toBe(true);
    expect(control.write(new Uint8Array(1000))).toBe(1000);
    for (let i = 0; i < 3; i += 1) {
      sender.transmit(now);
      backend.acknowledge(100_000);
      sender.onReceived(now);
    }
    expect(sentOf(control)).toBe(1000);
    expect(sentOf(bulk)).toBeLessThan(310_000);
  });

  test('streams that wait take turns', () => {
    backend.cwndBytes = 200_000;
    backend.acknowledge(0);
    sample();
    const first = open();
    const second = open();
    first.write(new Uint8Array(150_000));
    second.write(new Uint8Array(150_000));
    for (let i = 0; i < 10; i += 1) sender.transmit(now);
    // The first was handed over at once as far as it went; what was left is shared.
    expect(sentOf(second)).toBeGreaterThan(20_000);
  });

  test('a stream at the end of its credit does not count as waiting for the path', () => {
    const held = open();
    const free = open();
    backend.stream(held.id).credit = 10_000;
    sender.onReceived(now);
    expect(held.write(new Uint8Array(60_000))).toBe(60_000);
    sender.transmit(now);
    expect(sentOf(held)).toBe(10_000);
    expect(held.blocked).toBe(true);
    expect(sender.writableAgain(held)).toBe(false);
    expect(sender.sendable(now)).toBeGreaterThan(80_000);
    expect(free.write(new Uint8Array(20_000))).toBe(20_000);
    sender.transmit(now);
    expect(sentOf(free)).toBe(20_000);
    backend.stream(held.id).credit = 100_000;
    sender.onReceived(now);
    sender.transmit(now);
    expect(sentOf(held)).toBe(60_000);
    expect(sender.drained).toBe(true);
  });

  test('a stream goes on when its credit comes, whoever asks for the room before it is tried', () => {
    const held = open();
    open(); // One that has credit: so it is seen that the stream is held, not the connection.
    backend.stream(held.id).credit = 10_000;
    sender.onReceived(now);
    expect(held.write(new Uint8Array(60_000))).toBe(60_000);
    sender.transmit(now);
    expect(held.blocked).toBe(true);
    backend.stream(held.id).credit = 100_000;
    sender.onReceived(now);
    // As the connection does before it transmits, to tell its user.
    sender.sendable(now);
    sender.transmit(now);
    expect(sentOf(held)).toBe(60_000);
  });

  test('the FIN goes with the last bytes, or alone', () => {
    const stream = open();
    stream.write(new Uint8Array(10));
    stream.end();
    const empty = open();
    empty.end();
    expect(sender.drained).toBe(false);
    sender.transmit(now);
    expect(backend.stream(stream.id)).toMatchObject({ sent: 10, finSent: true });
    expect(backend.stream(empty.id)).toMatchObject({ sent: 0, finSent: true });
    expect([stream.sendSide, empty.sendSide]).toEqual(['done', 'done']);
    expect(sender.drained).toBe(true);
  });

  test('a stream that the peer stopped is emptied, and remembers the code', () => {
    const stream = open();
    stream.write(new Uint8Array(500_000));
    backend.stream(stream.id).stopped = 77;
    backend.acknowledge(200_000);
    sender.onReceived(now);
    for (let i = 0; i < 3; i += 1) sender.transmit(now);
    expect(stream.pendingStop).toBe(77);
    expect(stream.queue).toHaveLength(0);
    expect(stream.write(new Uint8Array(10))).toBe(0);
  });

  test('a kernel without room stops it until a little later', () => {
    const stream = open();
    congested = true;
    stream.write(new Uint8Array(5000));
    sender.transmit(now);
    expect(submitted).toBe(0);
    expect(sender.wakeAtMs).toBe(now + 1);
    congested = false;
    sender.transmit(now);
    expect(sentOf(stream)).toBe(5000);
  });

  test('the edge of sendability is told once', () => {
    const stream = open();
    expect(sender.takeSendableEdge(now)).toBe(true);
    expect(sender.takeSendableEdge(now)).toBe(false);
    stream.write(new Uint8Array(200_000));
    sender.transmit(now);
    sender.transmit(now);
    expect(sender.sendable(now)).toBe(0);
    expect(sender.takeSendableEdge(now)).toBe(false);
    for (let i = 0; i < 6; i += 1) {
      backend.acknowledge(100_000);
      sender.onReceived(now);
      sender.transmit(now);
    }
    expect(sentOf(stream)).toBe(200_000);
    expect(sender.takeSendableEdge(now)).toBe(true);
    expect(sender.takeSendableEdge(now)).toBe(false);
  });
});

test('small messages now and then leave it quiet, bulk does not', () => {
  start(10_000_000, 0);
  const stream = open();
  for (let i = 0; i < 200; i += 1) {
    now += 1;
    stream.write(new Uint8Array(60));
    expect(sender.quietFor(now)).toBe(Infinity);
  }
  stream.write(new Uint8Array(50_000));
  sender.transmit(now);
  expect(sender.quietFor(now + 7)).toBe(7);
});

describe('with pacing', () => {
  // 50 kB per 20 ms: 2.5 MB/s, paced at 1.25 times that.
  beforeEach(() => start(50_000, 20));

  test('a window leaves over the round trip, not in a burst', () => {
    const stream = open();
    stream.write(new Uint8Array(40_000));
    sender.transmit(now);
    expect(sentOf(stream)).toBeLessThan(12_000);
    expect(sender.wakeAtMs).toBeGreaterThan(now);
    expect(sender.wakeAtMs).toBeLessThan(now + 3);
    run(8);
    expect(sentOf(stream)).toBeGreaterThan(20_000);
    expect(sentOf(stream)).toBeLessThan(34_000);
  });

  test('a sender that keeps to sendableBytes reaches the rate of the window', () => {
    const stream = open();
    const flights: { due: number; bytes: number }[] = [];
    let highest = 0;
    for (const end = now + 2000; now < end; now += 1) {
      for (const flight of flights.filter(({ due }) => due === now)) backend.acknowledge(flight.bytes);
      sender.onReceived(now);
      const sendable = sender.sendable(now);
      if (sendable >= DATAGRAM) stream.write(new Uint8Array(sendable));
      highest = Math.max(highest, sender.unsentBytes);
      const before = backend.inFlight;
      sender.transmit(now);
      flights.push({ due: now + 20, bytes: backend.inFlight - before });
    }
    const rate = sentOf(stream) / 2000;
    expect(rate).toBeGreaterThan(0.95 * 2400);
    // About 4 ms ahead of the wire, and a burst: late binding.
    expect(highest).toBeLessThan(25_000);
  });

  test('room is told when half of what is taken ahead is free, not at every gap: small pieces cost headers and turns', () => {
    const stream = open();
    const pieces: number[] = [];
    const flights: { due: number; bytes: number }[] = [];
    for (const end = now + 1000; now < end; now += 1) {
      for (const flight of flights.filter(({ due }) => due === now)) backend.acknowledge(flight.bytes);
      sender.onReceived(now);
      if (sender.takeSendableEdge(now)) {
        pieces.push(sender.sendable(now));
        stream.write(new Uint8Array(pieces.at(-1)!));
        expect(sender.sendable(now)).toBe(0);
      }
      const before = backend.inFlight;
      sender.transmit(now);
      flights.push({ due: now + 20, bytes: backend.inFlight - before });
      // It takes all that it is offered: the path sets the pace, however often that is asked.
      expect([sender.takePathLimited(), sender.takePathLimited()]).toEqual([true, true]);
    }
    // 3.1 kB per ms and 4 ms ahead: 12 kB.
    expect(Math.min(...pieces)).toBeGreaterThan(6000);
    expect(sentOf(stream)).toBeGreaterThan(0.95 * 1000 * 2400);
  });

  test('little room that stays is told: the peer may grant more only when that is used', () => {
    const stream = open();
    sender.takeSendableEdge(now);
    stream.write(new Uint8Array(5000));
    sender.transmit(now);
    backend.stream(stream.id).credit = 4000;
    backend.acknowledge(backend.inFlight);
    sender.onReceived(now);
    expect(sender.sendable(now)).toBe(0);
    // Nothing comes any more: time alone must bring it back.
    for (let wakes = 0; wakes < 10 && sender.sendable(now) === 0; wakes += 1) {
      sender.transmit(now);
      expect(sender.wakeAtMs).toBeLessThan(now + 5);
      now = Math.max(now + 1, sender.wakeAtMs);
    }
    expect(sender.takeSendableEdge(now)).toBe(true);
    expect(sender.sendable(now)).toBe(4000);
  });

  test('tells what is settled only right after a packet came: later its room counts no headers', () => {
    const stream = open();
    stream.write(new Uint8Array(8000));
    run(4);
    expect(sender.settledBytes).toBe(0);
    backend.acknowledge(backend.inFlight);
    sender.onReceived(now);
    expect(sender.settledBytes).toBeGreaterThan(7900);
    sender.onWindowChange();
    expect(sender.settledBytes).toBeGreaterThan(7900);
    stream.write(new Uint8Array(1000));
    run(1);
    expect(sender.settledBytes).toBe(0);
  });

  test('a datagram is filled from several pieces of a queue, and takes an acknowledgement along', () => {
    const stream = open();
    const written = stream.write(new Uint8Array(22_000));
    backend.acknowledgementPending = true;
    run(60);
    expect(sentOf(stream)).toBe(written);
    // The queue is in blocks of 16 kB; a lone acknowledgement would have 40 bytes. Of whole datagrams some bytes are left.
    expect(backend.datagrams.filter((bytes) => bytes < 1250)).toEqual([]);
  });

  test('a round trip is not measured too short while the window grows', () => {
    const stream = open();
    for (let round = 0; round < 6; round += 1) {
      stream.write(new Uint8Array(20_000));
      sender.transmit(now);
      now += 10;
      // The window grows, as in slow start; of these bytes none is acknowledged.
      backend.cwndBytes += 20_000;
      backend.acknowledge(0);
      sender.onReceived(now);
      expect(sampler.probe.wouldEnd(sender.settledBytes)).toBe(true);
      sampler.record(backend.pathStats(), now, sender);
      expect(sampler.probe.waiting).toBe(true);
      now += 10;
      backend.acknowledge(backend.inFlight);
      sender.onReceived(now);
      sampler.record(backend.pathStats(), now, sender);
      expect(sampler.probe.rttMs(now)).toBe(20);
      now += 4;
    }
  });

  test('an acknowledgement that makes the window grow ends the measurement all the same', () => {
    const stream = open();
    for (let round = 0; round < 6; round += 1) {
      stream.write(new Uint8Array(100));
      sender.transmit(now);
      now += 200;
      backend.cwndBytes += backend.inFlight;
      backend.acknowledge(backend.inFlight);
      sender.onReceived(now);
      // As a turn does: asked first, then sampled with the window of now.
      expect(sampler.probe.wouldEnd(sender.settledBytes)).toBe(true);
      sampler.record(backend.pathStats(), now, sender);
      expect(sampler.probe.rttMs(now)).toBe(200);
      now += 10;
    }
  });

  test('the answer to a ping tells of the round trip, though nothing else is sent', () => {
    open();
    sender.ping();
    // 40 bytes, as a mere acknowledgement has.
    backend.acknowledgementPending = true;
    sender.transmit(now);
    backend.inFlight = 40;
    now += 200;
    backend.acknowledge(40);
    sender.onReceived(now);
    sampler.record(backend.pathStats(), now, sender);
    expect(sampler.probe.rttMs(now)).toBe(200);
  });

  test('a user who leaves room unused sets the pace itself', () => {
    const stream = open();
    sender.takeSendableEdge(now);
    for (let step = 0; step < 50; step += 1) {
      stream.write(new Uint8Array(1000));
      run(5);
      backend.acknowledge(backend.inFlight);
      sender.onReceived(now);
      sender.transmit(now);
      sender.takePathLimited();
      expect(sender.sendable(now)).toBeGreaterThan(0);
      expect(sender.takePathLimited()).toBe(false);
    }
  });

  test('write takes twice that, not more', () => {
    const stream = open();
    const taken = stream.write(new Uint8Array(1_000_000));
    expect(taken).toBeLessThan(45_000);
    expect(taken).toBeGreaterThan(20_000);
  });

  test('nothing waits for ever: whatever is written leaves in the end', () => {
    const stream = open();
    let written = 0;
    for (let i = 0; i < 400; i += 1) {
      written += stream.write(new Uint8Array(3333));
      run(1 + (i % 3));
      backend.acknowledge(1_000_000);
      sender.onReceived(now);
    }
    for (let i = 0; i < 100; i += 1) {
      run(5);
      backend.acknowledge(1_000_000);
      sender.onReceived(now);
    }
    sender.transmit(now);
    expect(sentOf(stream)).toBe(written);
    expect(sender.unsentBytes).toBe(0);
    expect(sender.drained).toBe(true);
  });
});
