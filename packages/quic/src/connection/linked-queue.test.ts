import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BlockPool, ByteQueue } from './byte-queue.js';
import { QuicStream, type StreamOwner } from './stream.js';
import { LinkedQueue } from './linked-queue.js';

const nobody: StreamOwner = {
  accept: () => 0,
  finish: () => undefined,
  reset: () => undefined,
  stop: () => undefined,
  readMore: () => undefined,
};
const streams = Array.from(
  { length: 6 },
  (_, id) => new QuicStream(4 * id, false, new ByteQueue(new BlockPool()), 'open', 'open', nobody),
);

describe('LinkedQueue', () => {
  const change = fc.record({
    add: fc.boolean(),
    queue: fc.nat({ max: 1 }),
    stream: fc.nat({ max: streams.length - 1 }),
  });

  test('two queues hold what two Sets would hold, when a stream is in one at the most', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
        const queues = [new LinkedQueue<QuicStream>(), new LinkedQueue<QuicStream>()];
        const models = [new Set<QuicStream>(), new Set<QuicStream>()];
        for (const { add, queue, stream: index } of changes) {
          const stream = streams[index]!;
          if (add) {
            queues[queue]!.add(stream);
            models[1 - queue]!.delete(stream);
            models[queue]!.add(stream);
          } else {
            queues[queue]!.delete(stream);
            models[queue]!.delete(stream);
          }
          queues.forEach((each, at) => {
            expect([...each]).toEqual([...models[at]!]);
            expect(each.size).toBe(models[at]!.size);
            expect(each.first).toBe([...models[at]!][0]);
          });
        }
        for (const stream of streams) stream.waitsIn?.delete(stream);
      }),
    );
  });

  test('goes on when the stream at hand leaves it', () => {
    const queue = new LinkedQueue<QuicStream>();
    for (const stream of streams) queue.add(stream);
    const seen: number[] = [];
    for (const stream of queue) {
      seen.push(stream.id);
      queue.delete(stream);
    }
    expect(seen).toEqual(streams.map(({ id }) => id));
    expect(queue.size).toBe(0);
  });
});
