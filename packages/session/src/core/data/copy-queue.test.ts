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
});
