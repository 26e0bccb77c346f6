import { describe, expect, jest, test } from '@jest/globals';
import type { Stream } from '@kwik/session';
import { failure, message, muxerPair, openedStream, OPENERS, outcomes, readToEnd } from './pair.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

describe.each(OPENERS)('muxer: the end of a session, streams opened by the %s', (opener) => {
  test.each(['near', 'far'] as const)('aborted at the %s end: what waits at both ends fails', async (end) => {
    const pair = await muxerPair(opener);
    const streams: [Stream, Stream][] = [];
    while (streams.length < 20) streams.push(await openedStream(pair));
    // Larger than windows and buffers: it cannot be taken whole before the session ends.
    const stuck = pair.near.openStream();
    const waiting = [
      ...streams.flatMap(([mine, theirs]) => [mine.read(), theirs.read()]),
      stuck.write(new Uint8Array(40_000_000)),
      pair.near.acceptStream(),
    ];
    const results = outcomes(waiting);
    await pair.pass(200);
    expect(new Set(results)).toEqual(new Set(['pending']));
    await pair.settle(pair[end].close(9, 'abort', { timeoutMs: 0 }));
    await pair.pass(1000);
    expect(results).toEqual(waiting.map(() => 'ERR_KWIK_SESSION_CLOSED'));
    for (const stream of streams.flat()) {
      await expect(stream.write('x')).rejects.toMatchObject(failure('ERR_KWIK_SESSION_CLOSED'));
      await expect(stream.read()).rejects.toMatchObject(failure('ERR_KWIK_SESSION_CLOSED'));
    }
    const other = end === 'near' ? pair.far : pair.near;
    expect(await pair[end].closed).toEqual({ by: 'local', code: 9, reason: 'abort' });
    expect(await other.closed).toEqual({ by: 'peer', code: 9, reason: 'abort' });
  });

  test.each(['near', 'far'] as const)('closed at the %s end: neither end opens or accepts any more', async (end) => {
    const { settle, pass, ...ends } = await muxerPair(opener);
    await settle(ends[end].close());
    await pass(1000);
    const closed = failure('ERR_KWIK_SESSION_CLOSED');
    for (const session of [ends.near, ends.far]) {
      expect(() => session.openStream()).toThrow(expect.objectContaining(closed));
      await expect(session.openStreamWhenReady()).rejects.toMatchObject(closed);
      await expect(session.acceptStream()).rejects.toMatchObject(closed);
    }
  });

  test('closing waits for what was written, awaited or not, and all of it can be read', async () => {
    const { near, far, settle } = await muxerPair(opener);
    const streams = Array.from({ length: 30 }, () => near.openStream());
    const writes = streams.flatMap((stream, index) => [stream.write(message(index)), stream.close()]);
    const closing = near.close(0, 'done');
    expect(() => near.openStream()).toThrow(expect.objectContaining(failure('ERR_KWIK_SESSION_CLOSED')));
    await settle(Promise.all([...writes, closing]));
    await settle(far.closed);
    for (let index = 0; index < 30; index++) {
      const stream = await far.acceptStream();
      expect(stream.id).toBe(streams[index]!.id);
      expect((await readToEnd(stream)).equals(message(index))).toBe(true);
    }
    await expect(far.acceptStream()).rejects.toMatchObject(failure('ERR_KWIK_SESSION_CLOSED'));
  });

  test('closing with streams that lie idle does not wait for them', async () => {
    const pair = await muxerPair(opener);
    for (let count = 0; count < 10; count++) await openedStream(pair);
    const closing = outcomes([pair.near.close(3, 'idle')]);
    await pair.pass(1000);
    expect(closing).toEqual([undefined]);
    expect(await pair.far.closed).toEqual({ by: 'peer', code: 3, reason: 'idle' });
  });

  test('closing at both ends at once ends both, and what both had written arrives', async () => {
    const pair = await muxerPair(opener);
    const [mine, theirs] = await openedStream(pair);
    const writing = [mine.write(message(4)), mine.close(), theirs.write(message(13)), theirs.close()];
    const closing = [pair.near.close(1, 'near'), pair.far.close(2, 'far')];
    await pair.settle(Promise.all([...writing, ...closing]));
    await pair.settle(Promise.all([pair.near.closed, pair.far.closed]));
    expect((await readToEnd(theirs)).equals(message(4))).toBe(true);
    expect((await readToEnd(mine)).equals(message(13))).toBe(true);
  });

  test('closing again is waiting for the first', async () => {
    const { near, far, settle } = await muxerPair(opener);
    await settle(Promise.all([near.close(1, 'first'), near.close(2, 'second')]));
    await settle(near.close(3, 'third'));
    expect(await near.closed).toEqual({ by: 'local', code: 1, reason: 'first' });
    expect(await settle(far.closed)).toEqual({ by: 'peer', code: 1, reason: 'first' });
  });
});
