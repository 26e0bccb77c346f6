import { expect, test } from '@jest/globals';
import type { StreamReadResult } from '../backends/backend.js';
import { BlockPool, ByteQueue } from './byte-queue.js';
import { ReceiveSlab } from './receive-slab.js';
import { Receiver } from './receiver.js';
import { QuicStream } from './stream.js';

/** Ids of streams, and bytes that can be read of each. */
type Waiting = Map<number, number>;

/** What is delivered in each turn, as `[id, bytes]`, when time is up whenever it is looked at. */
function turnsOf(waiting: Waiting): [id: number, bytes: number][][] {
  let turn: [id: number, bytes: number][] = [];
  const none = (): void => undefined;
  const streams = new Map(
    [...waiting.keys()].map((id) => {
      const owner = { accept: () => 0, finish: none, reset: none, stop: none, readMore: none };
      const stream = new QuicStream(id, true, new ByteQueue(new BlockPool()), 'none', 'open', owner);
      stream.attach({
        onData: ({ length }) => turn.push([id, length]),
        onEnd: none,
        onReset: none,
        onStopSending: none,
        onWritable: none,
      });
      return [id, stream];
    }),
  );
  const left = (id: number): number => waiting.get(id) ?? 0;
  const backend = {
    isReadable: () => [...waiting.values()].some((bytes) => bytes > 0),
    readableStreams: () => [...waiting.keys()].filter((id) => left(id) > 0),
    streamReceive: (id: number, into: Uint8Array, result: StreamReadResult) => {
      const bytes = Math.min(left(id), into.length);
      waiting.set(id, left(id) - bytes);
      Object.assign(result, { bytes: bytes === 0 ? -1 : bytes, fin: false, resetCode: -1 });
    },
  };
  const receiver = new Receiver(backend, new ReceiveSlab(), {
    streamFor: (id) => streams.get(id),
    closed: () => false,
    receiveDone: none,
  });
  const turns = [];
  for (let over = false; !over && turns.length < 1000; turns.push(turn)) {
    turn = [];
    over = receiver.deliver(() => true);
  }
  return turns;
}

test('what is little is delivered in one turn, however late it is: the words of many streams', () => {
  const ids = Array.from({ length: 40 }, (_, index) => 4 * index);
  const [first] = turnsOf(new Map(ids.map((id) => [id, 5])));
  expect(first).toEqual(ids.map((id) => [id, 5]));
});

test('one that took all the time is cut short, and others come first then', () => {
  const turns = turnsOf(
    new Map([
      [0, 1_000_000],
      [4, 10],
    ]),
  );
  expect(turns[0]!.map(([id]) => id)).toEqual([0]);
  expect(turns[1]![0]).toEqual([4, 10]);
  expect(turns.flat().reduce((sum, [id, bytes]) => sum + (id === 0 ? bytes : 0), 0)).toBe(1_000_000);
  // Pieces become shorter, and no turn takes more than one of them.
  for (const turn of turns) expect(turn.filter(([id]) => id === 0).length).toBeLessThanOrEqual(1);
  expect(turns.at(-2)![0]![1]).toBeLessThanOrEqual(2048);
});
