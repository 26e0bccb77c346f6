import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DatagramQueue } from './datagram-queue.js';
import { SequenceWindow } from './sequence-window.js';

const bytes = (length: number): Uint8Array => new Uint8Array(length);

function queueFor(maxBytes: number): DatagramQueue {
  const queue = new DatagramQueue();
  queue.maxBytes = maxBytes;
  return queue;
}

describe('DatagramQueue', () => {
  it('gives datagrams in their order, each with a number of its own', () => {
    const queue = queueFor(100);
    queue.push(bytes(1), {}, 0);
    queue.push(bytes(2), { copies: 2 }, 0);
    const taken = [queue.peek(0)];
    queue.shift();
    taken.push(queue.peek(0));
    queue.shift();
    expect(taken.map((one) => [one?.data.length, one?.sequence, one?.copies])).toEqual([
      [1, 0n, 1],
      [2, 1n, 2],
    ]);
    expect([queue.peek(0), queue.empty, queue.dropped]).toEqual([undefined, true, 0]);
  });

  it.each([
    ['in number', 1, 256],
    ['in bytes', 16_384, 64],
  ])('is bounded %s: the oldest give way, and are counted', (_what, size, room) => {
    const queue = queueFor(16_384);
    for (let count = 0; count < room + 10; count++) queue.push(bytes(size), {}, 0);
    expect([queue.dropped, queue.peek(0)?.sequence]).toEqual([10, 10n]);
  });

  it('drops what has waited for too long', () => {
    const queue = queueFor(100);
    queue.push(bytes(1), { deadlineMs: 50 }, 0);
    queue.push(bytes(2), {}, 0);
    expect(queue.peek(49)?.data.length).toBe(1);
    expect(queue.peek(50)?.data.length).toBe(2);
    expect([queue.peek(1000), queue.dropped]).toEqual([undefined, 2]);
  });

  it.each<[number, object, string]>([
    [101, {}, 'ERR_KWIK_PACKET_TOO_LARGE'],
    [1, { copies: 3 }, 'ERR_KWIK_INVALID_ARGUMENT'],
    [1, { deadlineMs: 0 }, 'ERR_KWIK_INVALID_ARGUMENT'],
    [1, { deadlineMs: 60_001 }, 'ERR_KWIK_INVALID_ARGUMENT'],
  ])('refuses %i bytes with %p', (length, options, code) => {
    expect(() => queueFor(100).push(bytes(length), options, 0)).toThrow(expect.objectContaining({ code }));
    expect(() => queueFor(0).push(bytes(1), {}, 0)).toThrow('the peer takes no datagrams');
  });
});

describe('SequenceWindow', () => {
  it('takes each number once, as a set would, while it is no more than 1,024 behind', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 900 })), (numbers) => {
        const window = new SequenceWindow();
        const seen = new Set<number>();
        for (const number of numbers) {
          expect(window.take(BigInt(number))).toBe(!seen.has(number));
          seen.add(number);
        }
      }),
    );
  });

  it('never takes a number twice, whatever a peer sends', () => {
    const far = fc.oneof(fc.bigInt({ min: 0n, max: 5000n }), fc.bigInt({ min: 0n, max: (1n << 62n) - 1n }));
    fc.assert(
      fc.property(fc.array(far), (numbers) => {
        const window = new SequenceWindow();
        const taken = numbers.filter((number) => window.take(number));
        expect(new Set(taken).size).toBe(taken.length);
      }),
    );
  });

  it('goes on after a jump', () => {
    const window = new SequenceWindow();
    expect([0n, 5000n, 4999n, 0n, 5000n, 3976n].map((number) => window.take(number))).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
