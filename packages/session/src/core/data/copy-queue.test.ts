import { describe, expect, it } from '@jest/globals';
import { toPathId, toStreamId } from '@kwik/wire';
import type { Piece } from '../streams/send-half.js';
import { CopyQueue } from './copy-queue.js';

const piece = (offset: number, sentAtMs: number): Piece => ({
  streamId: toStreamId(1n),
  offset,
  data: new Uint8Array(100),
  fin: false,
  again: false,
  acked: false,
  copies: 1,
  sentAtMs,
});

describe('CopyQueue', () => {
  it('gives out what two paths owe in the order in which it was sent, not path by path', () => {
    const queue = new CopyQueue(() => false);
    const third = toPathId(3);
    queue.add([piece(0, 1), piece(200, 3), piece(400, 5)], toPathId(1), 'much');
    expect(queue.take(third, 1000)?.offset).toBe(0);
    queue.add([piece(100, 2), piece(300, 4)], toPathId(2), 'much');
    const order = Array.from({ length: 4 }, () => queue.take(third, 1000)?.offset);
    expect(order).toEqual([100, 200, 300, 400]);
    expect(queue.take(third, 1000)).toBeUndefined();
  });

  it('has a path wait for nothing that another one is to take, and cannot', () => {
    const queue = new CopyQueue(() => true);
    const [silent, blocked, third] = [toPathId(0), toPathId(1), toPathId(2)];
    const owed = Array.from({ length: 100 }, (_, index) => piece(100 * index, index));
    for (const one of owed) for (const to of [blocked, third]) queue.add([one], silent, 'little', to);
    const late = piece(50_000, 200);
    queue.add([late], blocked, 'much');
    const taken = Array.from({ length: 101 }, () => queue.take(third, 1000));
    expect(taken).toEqual([...owed, late]);
    expect([queue.emptyFor(third), queue.emptyFor(blocked)]).toEqual([true, false]);
    expect(queue.take(blocked, 1000)).toBe(owed[0]);
    queue.forget(blocked);
    expect(queue.emptyFor(blocked)).toBe(true);
    queue.add([piece(60_000, 201)], silent, 'little', blocked);
    queue.drop(silent);
    expect(queue.emptyFor(blocked)).toBe(true);
  });
});
