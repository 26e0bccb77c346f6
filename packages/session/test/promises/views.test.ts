import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { describe, expect, jest, test } from '@jest/globals';
import { pattern } from '../harness.js';
import { allOf, code, outcomeOf, pairOf, streamOf } from './pair.js';

jest.setTimeout(60_000);

/** More than the peer's window and the send buffer take. */
const TOO_MUCH = Buffer.alloc(18_000_000);

describe('stream.writable', () => {
  test('aborts at once while a write waits, and the peer sees a reset', async () => {
    const pair = await pairOf();
    const [mine, theirs] = await streamOf(pair);
    const writer = mine.writable.getWriter();
    const closed = outcomeOf(writer.closed);
    const write = outcomeOf(writer.write(TOO_MUCH));
    await pair.world.pass(1000);
    expect(write.state).toBe('pending');
    await pair.world.settle(writer.abort(new Error('enough')));
    await pair.world.pass(100);
    expect([write.state, closed.state]).toEqual(['rejected', 'rejected']);
    await expect(pair.world.settle(allOf(theirs))).rejects.toEqual(code('ERR_KWIK_STREAM_RESET'));
  });

  // The standard has pipeTo wait for the chunk under way before it aborts; so the signal alone cannot end a write.
  test.each(['the peer reads on', 'the stream is reset'])(
    'lets pipeTo with a signal end as soon as %s',
    async (way) => {
      const pair = await pairOf();
      const [mine, theirs] = await streamOf(pair);
      const abort = new AbortController();
      const source = new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(TOO_MUCH) });
      const piping = outcomeOf(source.pipeTo(mine.writable, { signal: abort.signal }));
      await pair.world.pass(1000);
      abort.abort(new Error('enough'));
      await pair.world.pass(100);
      const reading = outcomeOf(allOf(theirs));
      if (way === 'the stream is reset') mine.reset();
      await pair.world.pass(8000);
      expect(piping.state).toBe('rejected');
      expect(reading).toEqual({ state: 'rejected', value: code('ERR_KWIK_STREAM_RESET') });
    },
  );

  test('tells by writer.closed of a stop, of a reset here and of the end of the session, without a write', async () => {
    const ways = {
      stop: { code: 'ERR_KWIK_STREAM_STOPPED', applicationCode: 4 },
      reset: { code: 'ERR_KWIK_STREAM_CLOSED' },
      end: { code: 'ERR_KWIK_SESSION_CLOSED' },
    };
    for (const [way, error] of Object.entries(ways)) {
      const pair = await pairOf();
      const [mine, theirs] = await streamOf(pair);
      const closed = outcomeOf(mine.writable.getWriter().closed);
      await pair.world.pass(100);
      expect(closed.state).toBe('pending');
      if (way === 'stop') theirs.stopSending(4);
      else if (way === 'reset') mine.reset();
      else await pair.world.settle(pair.primary.close());
      await pair.world.pass(100);
      expect(closed).toMatchObject({ state: 'rejected', value: error });
    }
  });

  test('closes when the peer’s session has it all', async () => {
    const pair = await pairOf();
    const [mine, theirs] = await streamOf(pair);
    const writer = mine.writable.getWriter();
    void writer.write(pattern(100_000));
    void writer.write('a string, too');
    const closing = writer.close();
    const [bytes] = await pair.world.settle(Promise.all([allOf(theirs), closing, writer.closed]));
    expect(bytes).toHaveLength(100_013);
  });

  test('has backpressure in bytes, and refuses 64 MiB that nobody waits for', async () => {
    const pair = await pairOf();
    const [mine] = await streamOf(pair);
    const writer = mine.writable.getWriter();
    writer.closed.catch(() => undefined);
    expect(writer.desiredSize).toBe(64 * 1024);
    const first = outcomeOf(writer.write(TOO_MUCH));
    expect(writer.desiredSize).toBeLessThanOrEqual(0);
    const writes = [first, ...Array.from({ length: 5 }, () => outcomeOf(writer.write(TOO_MUCH)))];
    await pair.world.pass(10);
    expect(writes.at(-1)).toEqual({ state: 'rejected', value: code('ERR_KWIK_LIMIT_EXCEEDED') });
  });
});

describe('stream.readable', () => {
  test('tells by reader.closed of a reset and of the end of the session, without a read', async () => {
    for (const way of ['reset', 'end'] as const) {
      const pair = await pairOf();
      const [mine, theirs] = await streamOf(pair);
      const closed = outcomeOf(theirs.readable.getReader().closed);
      await pair.world.pass(100);
      if (way === 'reset') mine.reset(9);
      else await pair.world.settle(pair.client.close());
      await pair.world.pass(100);
      const error =
        way === 'reset' ? { code: 'ERR_KWIK_STREAM_RESET', applicationCode: 9 } : { code: 'ERR_KWIK_SESSION_CLOSED' };
      expect(closed).toMatchObject({ state: 'rejected', value: error });
    }
  });

  test('tells by reader.closed of the end behind what was read, and not before what was not', async () => {
    const pair = await pairOf();
    const [mine, theirs] = await streamOf(pair);
    const reader = theirs.readable.getReader();
    const closed = outcomeOf(reader.closed);
    await pair.world.settle(mine.write('last').then(() => mine.close()));
    await pair.world.pass(50);
    expect(closed.state).toBe('pending');
    const { value } = await pair.world.settle(reader.read());
    expect(Buffer.from(value!).toString()).toBe('last');
    await pair.world.pass(50);
    expect(closed.state).toBe('resolved');
    await expect(reader.read()).resolves.toEqual({ done: true, value: undefined });
  });

  test('keeps what had come when the session ended, for reads to come', async () => {
    const pair = await pairOf();
    const [mine, theirs] = await streamOf(pair);
    const reader = theirs.readable.getReader();
    await pair.world.settle(mine.write('legacy').then(() => mine.close()));
    await pair.world.settle(pair.client.close());
    const { value } = await reader.read();
    expect(Buffer.from(value!).toString()).toBe('legacy');
    await expect(reader.read()).resolves.toMatchObject({ done: true });
  });

  test('cancelled, tells the writer to stop', async () => {
    const pair = await pairOf();
    const [mine, theirs] = await streamOf(pair);
    await pair.world.settle(theirs.readable.cancel());
    await expect(pair.world.settle(mine.peerStopped())).resolves.toBe(0);
  });
});

describe('stream.toDuplex', () => {
  test('of a one-way stream has one side, and closes when that has ended, at both ends', async () => {
    const pair = await pairOf();
    const [mine, theirs] = await streamOf(pair, true);
    const sending = mine.toDuplex();
    const receiving = theirs.toDuplex();
    expect([sending.readable, sending.writable, receiving.readable, receiving.writable]).toEqual([
      false,
      true,
      true,
      false,
    ]);
    const closes = Promise.all([once(sending, 'close'), once(receiving, 'close')]);
    sending.end('the only side');
    const texts: string[] = [];
    receiving.on('data', (chunk: Buffer) => texts.push(chunk.toString()));
    await pair.world.settle(closes);
    expect(texts.join('')).toBe('the only side');
  });

  test('closes after both sides of a two-way stream, and not before', async () => {
    const pair = await pairOf();
    const [mine, theirs] = await streamOf(pair);
    const duplex = mine.toDuplex();
    const closed = outcomeOf(once(duplex, 'close'));
    duplex.end('question').resume();
    await pair.world.settle(finished(duplex, { readable: false }));
    expect(closed.state).toBe('pending');
    await pair.world.settle(theirs.write('answer').then(() => theirs.close()));
    await pair.world.pass(50);
    expect(closed.state).toBe('resolved');
  });

  test('destroyed while a write waits resets and stops the stream', async () => {
    const pair = await pairOf();
    const [mine, theirs] = await streamOf(pair);
    const duplex = mine.toDuplex();
    duplex.write(TOO_MUCH);
    await pair.world.pass(200);
    const closed = once(duplex, 'close');
    duplex.destroy();
    await pair.world.settle(closed);
    await expect(pair.world.settle(allOf(theirs))).rejects.toEqual(code('ERR_KWIK_STREAM_RESET'));
    await expect(pair.world.settle(theirs.peerStopped())).resolves.toBe(0);
  });

  test('encodes strings as it is told, and takes the last chunk with the end', async () => {
    const pair = await pairOf();
    const [mine, theirs] = await streamOf(pair);
    const duplex = mine.toDuplex();
    duplex.write('c3a9', 'hex');
    duplex.write('é', () => undefined);
    duplex.end('w6k=', 'base64');
    expect(Buffer.from(await pair.world.settle(allOf(theirs))).toString()).toBe('ééé');
  });
});
