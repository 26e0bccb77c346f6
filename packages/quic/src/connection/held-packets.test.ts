import { describe, expect, test } from '@jest/globals';
import { HeldPackets } from './held-packets.js';

describe('HeldPackets', () => {
  test('gives back copies, in order', () => {
    const held = new HeldPackets();
    const memory = Uint8Array.of(1);
    expect(held.add(memory, undefined)).toBe(true);
    memory[0] = 2;
    held.add(memory, { host: '127.0.0.1', port: 5 });
    expect(held.waiting).toBe(true);
    expect(held.take()).toEqual({ packet: Uint8Array.of(1), from: undefined });
    expect(held.take()).toEqual({ packet: Uint8Array.of(2), from: { host: '127.0.0.1', port: 5 } });
    expect(held.waiting).toBe(false);
    expect(held.take()).toBeUndefined();
  });

  test('keeps a megabyte, counting what small packets cost besides, and has room again when all are taken', () => {
    const held = new HeldPackets();
    const fill = (bytes: number): number => {
      let count = 0;
      while (held.add(new Uint8Array(bytes), undefined)) count += 1;
      return count;
    };
    expect(fill(30)).toBe(Math.floor((1024 * 1024) / 542));
    while (held.waiting) held.take();
    expect(fill(1_350)).toBe(Math.floor((1024 * 1024) / 1_862));
  });
});
