import { describe, expect, test } from '@jest/globals';
import { ReceiveSlab } from '../connection/receive-slab.js';
import { SendRing, SendRings } from './send-ring.js';
import { SpentMemory } from './spent-memory.js';

describe('ReceiveSlab', () => {
  test('stays where it is when a reader transfers the buffer of its chunk to another thread', () => {
    const slab = new ReceiveSlab();
    slab.space().fill(1);
    const mine = slab.take(2000);
    slab.space().fill(2);
    const other = slab.take(2000);
    structuredClone(mine, { transfer: [mine.buffer as ArrayBuffer] });
    expect(other).toHaveLength(2000);
    expect(other[0]).toBe(2);
  });

  test('never writes twice into what it gave out', () => {
    const slab = new ReceiveSlab();
    const given: { chunk: Uint8Array; value: number }[] = [];
    for (let i = 0; i < 500; i += 1) {
      const space = slab.space();
      const bytes = 1 + ((i * 7919) % Math.min(space.length, 9000));
      space.fill(i & 0xff, 0, bytes);
      given.push({ chunk: slab.take(bytes), value: i & 0xff });
    }
    for (const { chunk, value } of given) expect(chunk.every((byte) => byte === value)).toBe(true);
  });

  test('small pieces do not hold a slab', () => {
    const slab = new ReceiveSlab();
    slab.space();
    expect(slab.take(100).buffer.byteLength).toBe(100);
    expect(slab.take(8000).buffer.byteLength).toBeGreaterThan(8000);
  });

  test('there is always room for a few packets', () => {
    const slab = new ReceiveSlab();
    for (let i = 0; i < 200; i += 1) {
      expect(slab.space().length).toBeGreaterThanOrEqual(4096);
      slab.take(2000);
    }
  });
});

describe('SendRing', () => {
  const fill = (ring: SendRing, count: number): Buffer[] =>
    Array.from({ length: count }, () => {
      const slot = ring.slot();
      ring.advance();
      return slot;
    });

  test('gives each slot once, and the same ones again when the socket is done with them', () => {
    const ring = new SendRing(1350, () => 0);
    const first = fill(ring, 8);
    expect(new Set(first.map((slot) => slot.byteOffset)).size).toBe(8);
    expect(ring.slot()).toBe(first[0]);
    expect(ring.slot()).toBe(first[0]);
  });

  test('leaves slots alone that the socket still holds', () => {
    let queued = 0;
    const ring = new SendRing(1350, () => queued);
    const first = fill(ring, 8);
    queued = 3;
    const second = fill(ring, 16);
    expect(second.some((slot) => slot.buffer === first[0]?.buffer)).toBe(false);
    expect(new Set(second.map((slot) => slot.buffer)).size).toBe(1);
  });

  test('a socket that does not keep up is noticed, and when it does again', () => {
    let queued = 0;
    const rings = new SendRings(() => queued);
    const send = (count: number): void => {
      for (let i = 0; i < count; i += 1) rings.submitted();
    };
    send(40);
    expect(rings.congested()).toBe(false);
    queued = 5;
    send(16);
    expect(rings.congested()).toBe(true);
    queued = 0;
    expect(rings.congested()).toBe(false);
    expect(rings.ring(1350)).toBe(rings.ring(1350));
    expect(rings.ring(1350)).not.toBe(rings.ring(9000));
  });
});

describe('SpentMemory', () => {
  const release = (spent: SpentMemory, make: () => Uint8Array): Uint8Array[] => {
    const all = Array.from({ length: 64 }, make);
    for (const each of all) spent.release(each);
    return all;
  };

  test('frees datagrams', () => {
    const spent = new SpentMemory();
    for (let round = 0; round < 3; round += 1) {
      const all = release(spent, () => Buffer.allocUnsafeSlow(1350));
      expect(all.filter(({ length }) => length > 0)).toEqual([]);
    }
  });

  test('leaves alone what is small, shared with other data, or shared between threads', () => {
    const spent = new SpentMemory();
    const small = release(spent, () => Buffer.allocUnsafeSlow(1000));
    const part = release(spent, () => new Uint8Array(new ArrayBuffer(4000), 0, 2000));
    const shared = release(spent, () => new Uint8Array(new SharedArrayBuffer(2000)));
    expect([small, part, shared].map((all) => all.every(({ length }) => length >= 1000))).toEqual([true, true, true]);
  });
});
