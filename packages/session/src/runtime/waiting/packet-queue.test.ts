import { describe, expect, test } from '@jest/globals';
import { toPathId } from '@kwik/wire';
import { PacketQueue } from './packet-queue.js';

const packet = (bytes: number) => ({ data: new Uint8Array(bytes), pathId: toPathId(0), from: undefined });

describe('PacketQueue', () => {
  test('gives packets in their order', () => {
    const queue = new PacketQueue<ReturnType<typeof packet>>();
    for (const bytes of [1, 2, 3]) queue.push(packet(bytes));
    expect([queue.shift(), queue.shift(), queue.shift(), queue.shift()].map((one) => one?.data.length)).toEqual([
      1,
      2,
      3,
      undefined,
    ]);
    expect(queue.counts).toEqual({ received: 3, dropped: 0 });
  });

  test.each([
    ['in number', 0, 1024],
    ['in bytes', 60_000, 69],
  ])('is bounded %s; what is dropped is counted, and there is room again for what is taken', (_what, bytes, room) => {
    const queue = new PacketQueue<ReturnType<typeof packet>>();
    for (let count = 0; count < room + 10; count++) queue.push(packet(bytes));
    expect(queue.counts).toEqual({ received: room + 10, dropped: 10 });
    expect(queue.shift()).toBeDefined();
    queue.push(packet(bytes));
    expect(queue.counts.dropped).toBe(10);
    let left = 0;
    while (queue.shift() !== undefined) left++;
    expect(left).toBe(room);
  });
});
