import { describe, expect, jest, test } from '@jest/globals';
import { SeededRandom } from '@kwik/testbed';
import { pattern } from '../harness.js';
import { allOf, code, outcomeOf, pairOf, streamOf } from './pair.js';

jest.setTimeout(60_000);

const WINDOW_AND_BUFFER = 20_000_000;

describe('stream.read', () => {
  test('called several times at once gives the bytes in the order of the calls', async () => {
    const pair = await pairOf();
    const [mine, theirs] = await streamOf(pair);
    const content = pattern(300_000);
    const random = new SeededRandom(3);
    const reads: Promise<Uint8Array | null>[] = [];
    const reading = (async () => {
      for (let over = false; !over; ) {
        for (let count = Math.floor(random.float() * 5); count >= 0; count--) {
          const read = theirs.read();
          void read.then((chunk) => (over ||= chunk === null));
          reads.push(read);
        }
        await reads.at(-1);
      }
      return Buffer.concat((await Promise.all(reads)).filter((chunk) => chunk !== null));
    })();
    for (let at = 0; at < content.length; at += 1000) {
      await pair.world.settle(mine.write(content.subarray(at, at + 1000)));
      if (random.float() < 0.2) await pair.world.pass(5);
    }
    await pair.world.settle(mine.close());
    expect((await pair.world.settle(reading)).equals(content)).toBe(true);
  });

  test('gives null at the end, again and again', async () => {
    const pair = await pairOf();
    const [mine, theirs] = await streamOf(pair);
    await pair.world.settle(mine.close());
    for (let count = 0; count < 3; count++) await expect(theirs.read()).resolves.toBeNull();
  });

  test('that was aborted takes nothing', async () => {
    const pair = await pairOf();
    const [mine, theirs] = await streamOf(pair);
    const abort = new AbortController();
    const aborted = outcomeOf(theirs.read({ signal: abort.signal }));
    const next = theirs.read();
    abort.abort(new Error('enough'));
    await pair.world.settle(mine.write('first'));
    expect(Buffer.from((await pair.world.settle(next))!).toString()).toBe('first');
    expect(aborted).toMatchObject({
      state: 'rejected',
      value: { code: 'ERR_KWIK_ABORTED', cause: { message: 'enough' } },
    });
    await expect(theirs.read({ signal: AbortSignal.abort() })).rejects.toEqual(code('ERR_KWIK_ABORTED'));
  });

  test('after stopSending gives null, and rejects after a reset with the peer’s code', async () => {
    const pair = await pairOf();
    const [, theirs] = await streamOf(pair);
    const waiting = theirs.read();
    theirs.stopSending(1);
    await expect(pair.world.settle(waiting)).resolves.toBeNull();
    const [other, reset] = await streamOf(pair);
    const pending = outcomeOf(reset.read());
    other.reset(77);
    await pair.world.pass(100);
    expect(pending).toMatchObject({ state: 'rejected', value: { code: 'ERR_KWIK_STREAM_RESET', applicationCode: 77 } });
    await expect(reset.read()).rejects.toMatchObject({ applicationCode: 77 });
  });

  test('of a side that is not there rejects by name', async () => {
    const pair = await pairOf();
    const [mine, theirs] = await streamOf(pair, true);
    await expect(mine.read()).rejects.toEqual(code('ERR_KWIK_STREAM_CLOSED'));
    await expect(theirs.write('no')).rejects.toEqual(code('ERR_KWIK_STREAM_CLOSED'));
    await expect(theirs.close()).resolves.toBeUndefined();
  });

  test('iteration that breaks off tells the writer to stop, and one that throws does, too', async () => {
    for (const way of ['break', 'throw'] as const) {
      const pair = await pairOf();
      const [mine, theirs] = await streamOf(pair);
      const reading = (async () => {
        for await (const chunk of theirs) {
          if (way === 'throw') throw new Error(`enough of ${chunk.length}`);
          break;
        }
      })().catch(() => undefined);
      void mine.write(pattern(5_000_000)).catch(() => undefined);
      await pair.world.settle(reading);
      await expect(pair.world.settle(mine.peerStopped())).resolves.toBe(0);
      await expect(mine.write('more')).rejects.toEqual(code('ERR_KWIK_STREAM_STOPPED'));
    }
  });
});

describe('stream.write', () => {
  test('100,000 times without waiting is in order', async () => {
    const pair = await pairOf();
    const [mine, theirs] = await streamOf(pair);
    const reading = allOf(theirs);
    const lines = Array.from({ length: 100_000 }, (_, index) => `line ${index}\n`);
    const writes = lines.map((line) => mine.write(line));
    await pair.world.settle(Promise.all([...writes, mine.close()]));
    expect(Buffer.from(await pair.world.settle(reading)).toString() === lines.join('')).toBe(true);
  });

  test('of any size is taken when nothing waits before it', async () => {
    const pair = await pairOf();
    const [mine] = await streamOf(pair);
    const large = outcomeOf(mine.write(Buffer.alloc(70_000_000)));
    await pair.world.pass(10);
    expect(large.state).toBe('pending');
    mine.reset();
  });

  test('that was aborted while it waited is not sent, if it fits the buffer', async () => {
    const pair = await pairOf();
    const [mine, theirs] = await streamOf(pair);
    const before = mine.write(Buffer.alloc(WINDOW_AND_BUFFER, 1));
    const abort = new AbortController();
    await expect(mine.write('x', { signal: AbortSignal.abort() })).rejects.toEqual(code('ERR_KWIK_ABORTED'));
    const aborted = outcomeOf(mine.write(Buffer.alloc(500_000, 2), { signal: abort.signal }));
    const after = mine.write(Buffer.alloc(10, 3));
    await pair.world.pass(500);
    abort.abort();
    const reading = allOf(theirs);
    await pair.world.settle(Promise.all([before, after, mine.close()]));
    expect(aborted).toEqual({ state: 'rejected', value: code('ERR_KWIK_ABORTED') });
    const bytes = await pair.world.settle(reading);
    expect(bytes).toHaveLength(WINDOW_AND_BUFFER + 10);
    expect(bytes.includes(2)).toBe(false);
  });

  test('that was aborted with a part of it accepted says how much', async () => {
    const pair = await pairOf();
    const [mine, theirs] = await streamOf(pair);
    const abort = new AbortController();
    const aborted = outcomeOf(mine.write(Buffer.alloc(40_000_000, 1), { signal: abort.signal }));
    await pair.world.pass(3000);
    abort.abort();
    const reading = allOf(theirs);
    await pair.world.settle(mine.close());
    const { length } = await pair.world.settle(reading);
    expect(length).toBeGreaterThan(1_000_000);
    expect(length).toBeLessThan(40_000_000);
    expect(aborted).toMatchObject({
      state: 'rejected',
      value: { code: 'ERR_KWIK_ABORTED', message: expect.stringContaining(`${length} of its 40000000 bytes`) },
    });
  });

  test('rejects after close, and what was written before arrives', async () => {
    const pair = await pairOf();
    const [mine, theirs] = await streamOf(pair);
    const writing = mine.write('before');
    const closing = mine.close();
    await expect(mine.write('after')).rejects.toEqual(code('ERR_KWIK_STREAM_CLOSED'));
    expect(() => mine.skip(5n)).toThrow(code('ERR_KWIK_STREAM_CLOSED'));
    const [bytes] = await pair.world.settle(Promise.all([allOf(theirs), writing, closing, mine.close()]));
    expect(Buffer.from(bytes).toString()).toBe('before');
  });

  test('rejects whatever waits, when the stream is reset or the session ends', async () => {
    for (const way of ['reset', 'end'] as const) {
      const pair = await pairOf();
      const [mine] = await streamOf(pair);
      const writes = [1, 2, 3].map(() => outcomeOf(mine.write(Buffer.alloc(WINDOW_AND_BUFFER))));
      await pair.world.pass(100);
      if (way === 'reset') mine.reset();
      else await pair.world.settle(pair.client.close(0, '', { timeoutMs: 0 }));
      await pair.world.pass(10);
      expect(writes.map(({ state }) => state)).toEqual(['rejected', 'rejected', 'rejected']);
    }
  });
});

describe('await using', () => {
  test('of a stream ends both sides and waits for what was written', async () => {
    const pair = await pairOf();
    const [mine, theirs] = await streamOf(pair);
    await pair.world.settle(Promise.all([mine.write('all of it'), Promise.resolve(mine[Symbol.asyncDispose]())]));
    expect(Buffer.from(await pair.world.settle(allOf(theirs))).toString()).toBe('all of it');
    await expect(pair.world.settle(theirs.peerStopped())).resolves.toBe(0);
    const [reset] = await streamOf(pair);
    reset.reset();
    await pair.world.settle(Promise.resolve(reset[Symbol.asyncDispose]()));
  });

  test('of a session delivers what was written', async () => {
    const pair = await pairOf();
    const [mine, theirs] = await streamOf(pair);
    // Within what a stream takes before its reader has read anything.
    void mine.write(pattern(500_000));
    void mine.close();
    await pair.world.settle(Promise.resolve(pair.client[Symbol.asyncDispose]()));
    expect(await pair.world.settle(allOf(theirs))).toHaveLength(500_000);
  });
});

describe('after the end of the session', () => {
  test('everything rejects or throws by name, and nothing hangs', async () => {
    const pair = await pairOf();
    const [mine, theirs] = await streamOf(pair);
    await pair.world.settle(theirs.write('there before the end'));
    await pair.world.settle(pair.primary.close(5, 'over'));
    await pair.world.settle(pair.client.closed);
    const closed = code('ERR_KWIK_SESSION_CLOSED');
    expect(() => pair.client.openStream()).toThrow(closed);
    await expect(pair.client.openStreamWhenReady()).rejects.toEqual(closed);
    await expect(pair.client.acceptStream()).rejects.toEqual(closed);
    await expect(mine.write('x')).rejects.toEqual(closed);
    await expect(mine.close()).rejects.toEqual(closed);
    await expect(mine.peerStopped()).resolves.toBeUndefined();
    expect(Buffer.from((await mine.read())!).toString()).toBe('there before the end');
    await expect(mine.read()).rejects.toEqual(closed);
    mine.reset();
    mine.stopSending();
    await expect(pair.client.close()).resolves.toBeUndefined();
  });
});

describe('openStreamWhenReady', () => {
  test('gives credit to those who wait longest, each what it asked for', async () => {
    const pair = await pairOf();
    const open = Array.from({ length: 1024 }, () => pair.client.openStream());
    const order: number[] = [];
    const waiting = [5, 1, 7].map(async (priority, index) => {
      await pair.client.openStreamWhenReady({ priority });
      order.push(index);
    });
    const abort = new AbortController();
    const aborted = outcomeOf(pair.client.openStreamWhenReady({ signal: abort.signal }));
    abort.abort();
    for (const stream of open.slice(0, 3)) {
      stream.reset();
      stream.stopSending();
    }
    const accepted = (async () => {
      for (let count = 0; count < 3; count++) {
        const stream = await pair.primary.acceptStream();
        stream.reset();
      }
    })();
    await pair.world.settle(Promise.all([...waiting, accepted]));
    expect(order).toEqual([0, 1, 2]);
    expect(aborted).toEqual({ state: 'rejected', value: code('ERR_KWIK_ABORTED') });
  });
});
