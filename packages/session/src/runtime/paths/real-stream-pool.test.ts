import { describe, expect, it } from '@jest/globals';
import type { PathTransport, TransportStream, TransportStreamHandler } from '@kwik/wire';
import { LOGICAL_PER_REAL, MAX_POOL_SIZE, RealStreamPool } from './real-stream-pool.js';

class FakeStream implements Partial<TransportStream> {
  readonly unidirectional = true;
  readonly openedByPeer = false;
  handler!: TransportStreamHandler;
  written = 0;
  room = Number.POSITIVE_INFINITY;
  ended = false;

  constructor(readonly id: number) {}

  attach(handler: TransportStreamHandler): void {
    this.handler = handler;
  }

  write(data: Uint8Array): number {
    const taken = Math.min(this.room, data.length);
    this.room -= taken;
    this.written += taken;
    return taken;
  }

  end(): void {
    this.ended = true;
  }
}

function makePool(limit = Number.POSITIVE_INFINITY) {
  const streams: FakeStream[] = [];
  const transport = {
    openStream: () => {
      if (streams.length >= limit) return undefined;
      const stream = new FakeStream(2 + 4 * streams.length);
      streams.push(stream);
      return stream;
    },
  };
  let writable = 0;
  const pool = new RealStreamPool(transport as unknown as PathTransport, () => writable++);
  return { pool, streams, wakes: () => writable };
}

const packet = new Uint8Array(100);

describe('RealStreamPool', () => {
  it('has one real stream for every four logical ones, opened when they are used, up to its bound', () => {
    const { pool, streams } = makePool();
    for (const [logical, real] of [
      [1, 1],
      [LOGICAL_PER_REAL, 1],
      [LOGICAL_PER_REAL + 1, 2],
      [40, 10],
      [10_000, MAX_POOL_SIZE],
    ] as const) {
      pool.resize(logical, 0);
      for (let key = 0; key < logical; key++) pool.write(packet, key);
      expect(pool.size).toBe(real);
    }
    expect(streams.every(({ written }) => written > 0)).toBe(true);
  });

  it('opens none for logical streams that carry nothing yet', () => {
    const { pool } = makePool();
    pool.resize(100, 0);
    expect(pool.size).toBe(0);
    pool.write(packet, 0);
    expect(pool.size).toBe(1);
  });

  it('keeps packets of one logical stream on one real stream, and says where each begins', () => {
    const { pool } = makePool();
    pool.resize(8, 0);
    expect(pool.write(packet, 0)).toEqual({ realStreamId: 2, quicOffset: 0n });
    expect(pool.write(packet, 1)).toEqual({ realStreamId: 6, quicOffset: 0n });
    expect(pool.write(packet, 0)).toEqual({ realStreamId: 2, quicOffset: 100n });
    expect(pool.write(packet, 2)).toEqual({ realStreamId: 2, quicOffset: 200n });
  });

  it('shrinks one stream at a time when demand has gone, not at every pause', () => {
    const { pool, streams } = makePool();
    pool.resize(16, 0);
    for (let key = 0; key < 16; key++) pool.write(packet, key);
    pool.resize(1, 50);
    expect(pool.size).toBe(4);
    pool.resize(16, 60);
    pool.resize(1, 120);
    expect(pool.size).toBe(4);
    for (let now = 200; now <= 1000; now += 50) pool.resize(1, now);
    expect(pool.size).toBe(1);
    expect(streams.map(({ ended }) => ended)).toEqual([false, true, true, true]);
    pool.write(packet, 3);
    expect(pool.size).toBe(1);
  });

  it('is congested while a packet is half written, and goes on when the stream takes the rest', () => {
    const { pool, streams, wakes } = makePool();
    pool.write(packet, 0);
    streams[0]!.room = 30;
    pool.write(packet, 0);
    expect(pool.backlogged).toBe(true);
    expect(() => pool.write(packet, 0)).toThrow(expect.objectContaining({ code: 'ERR_KWIK_INTERNAL' }));
    streams[0]!.room = 1000;
    streams[0]!.handler.onWritable();
    expect([pool.backlogged, wakes(), streams[0]!.written]).toEqual([false, 1, 200]);
  });

  it('ends no stream inside a packet', () => {
    const { pool, streams } = makePool();
    pool.resize(8, 0);
    pool.write(packet, 1);
    const last = streams.at(-1)!;
    last.room = 1;
    pool.write(packet, 1);
    pool.resize(1, 1000);
    expect(last.ended).toBe(false);
    last.room = 1000;
    last.handler.onWritable();
    pool.resize(1, 1000);
    expect([last.ended, last.written]).toEqual([true, 200]);
  });

  it('does with fewer streams when the peer allows no more, and says so when it allows none', () => {
    const { pool } = makePool(2);
    pool.resize(40, 0);
    for (let key = 0; key < 40; key++) pool.write(packet, key);
    expect(pool.size).toBe(2);
    expect(() => makePool(0).pool.write(packet, 0)).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_PROTOCOL_VIOLATION' }),
    );
  });
});
