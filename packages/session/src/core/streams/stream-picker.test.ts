import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TestRandom } from '../../test-support/random.js';
import { StreamPicker } from './stream-picker.js';
import type { StreamState } from './stream-state.js';
import { StreamTable } from './stream-table.js';

function streams(priorities: readonly number[], bytes: number): StreamState[] {
  const table = new StreamTable({ side: 'client', maxStreams: 0, streamWindowBytes: 1, sendBufferBytes: 1e6 });
  table.setPeerLimits({ maxBidiStreams: priorities.length, maxUniStreams: 0, streamWindowBytes: 1e6 });
  return priorities.map((priority) => {
    const stream = table.open(false, priority);
    if (bytes > 0) stream.send!.write(new Uint8Array(bytes));
    return stream;
  });
}

describe('StreamPicker', () => {
  it('takes the most urgent first, and streams of one priority in turns', () => {
    const [low, first, second, urgent] = streams([5, 3, 3, 0], 30) as [
      StreamState,
      StreamState,
      StreamState,
      StreamState,
    ];
    const picker = new StreamPicker();
    for (const stream of [low, first, second, urgent]) picker.add(stream);
    const order: StreamState[] = [];
    for (let stream = picker.next(); stream !== undefined; stream = picker.next()) {
      stream.send!.take(10);
      picker.add(stream);
      order.push(stream);
    }
    expect(order).toEqual([urgent, urgent, urgent, first, second, first, second, first, second, low, low, low]);
    expect(picker.empty).toBe(true);
  });

  it('gives streams of one priority turns that differ by one at the most', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 2, max: 9 }),
        fc.integer({ min: 1, max: 60 }),
        (seed, count, turns) => {
          const random = new TestRandom(seed);
          const all = streams(
            Array.from({ length: count }, () => 3),
            100_000,
          );
          const picker = new StreamPicker();
          for (const stream of random.shuffle(all)) picker.add(stream);
          const taken = new Map(all.map((stream) => [stream, 0]));
          for (let turn = 0; turn < turns; turn++) {
            const stream = picker.next()!;
            stream.send!.take(1);
            taken.set(stream, taken.get(stream)! + 1);
            picker.add(stream);
            // Whoever calls too often gains nothing by it.
            picker.add(random.pick(all));
          }
          const counts = [...taken.values()];
          expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });

  it('passes over streams that have nothing, and takes them again when they have', () => {
    const [stream] = streams([3], 0) as [StreamState];
    const picker = new StreamPicker();
    picker.add(stream);
    expect(picker.empty).toBe(true);
    stream.send!.write(new Uint8Array(5));
    picker.add(stream);
    stream.send!.reset(0);
    expect(picker.next()).toBeUndefined();
    expect(stream.lane).toBeUndefined();
  });

  it('follows a changed priority from the next offer on', () => {
    const [first, second] = streams([3, 3], 100) as [StreamState, StreamState];
    const picker = new StreamPicker();
    picker.add(first);
    picker.add(second);
    second.priority = 1;
    expect(picker.next()).toBe(first);
    picker.add(first);
    expect(picker.next()).toBe(second);
    picker.add(second);
    expect(picker.next()).toBe(second);
  });
});

describe('StreamPicker with intents', () => {
  const FAST = { mode: 'fast' } as const;
  const RELIABLE = { mode: 'reliable' } as const;

  it('takes fast streams before the most urgent bulk, and lanes of one urgency in turns', () => {
    const [bulk, reliable, fast] = streams([0, 0, 7], 20) as [StreamState, StreamState, StreamState];
    const picker = new StreamPicker();
    reliable.intent = RELIABLE;
    fast.intent = FAST;
    for (const stream of [bulk, reliable, fast]) picker.add(stream);
    const order: StreamState[] = [];
    for (let stream = picker.next(); stream !== undefined; stream = picker.next()) {
      stream.send!.take(10);
      picker.add(stream);
      order.push(stream);
    }
    expect(order.slice(0, 2)).toEqual([fast, fast]);
    expect(order.slice(2)).toEqual([bulk, reliable, bulk, reliable]);
    expect([picker.empty, picker.hasIntents]).toEqual([true, false]);
  });

  it('leaves out lanes that wait, and gives the next of one lane', () => {
    const [bulk, fast] = streams([3, 3], 20) as [StreamState, StreamState];
    const picker = new StreamPicker();
    fast.intent = FAST;
    picker.add(fast);
    picker.add(bulk);
    const lane = picker.upcoming()!;
    expect(lane.intent).toBe(FAST);
    expect(picker.upcoming(new Set([lane]))).toBe(picker.plain);
    expect(picker.upcoming(new Set([lane, picker.plain]))).toBeUndefined();
    expect([picker.next(picker.plain), picker.next(picker.plain), picker.next(lane)]).toEqual([bulk, undefined, fast]);
  });

  it('moves a stream whose intent changes while it is queued', () => {
    const [first, second] = streams([3, 3], 20) as [StreamState, StreamState];
    const picker = new StreamPicker();
    picker.add(first);
    picker.add(second);
    picker.setIntent(second, { send: FAST, priority: undefined });
    expect([picker.next(), picker.next(), picker.next()]).toEqual([second, first, undefined]);
  });
});
