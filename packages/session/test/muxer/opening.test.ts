import { describe, expect, jest, test } from '@jest/globals';
import type { Session, Stream } from '@kwik/session';
import { pattern } from '../harness.js';
import {
  echoStreams,
  failure,
  message,
  muxerPair,
  openedStream,
  OPENERS,
  outcomes,
  readToEnd,
  ROUGH,
  sendAndEnd,
} from './pair.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

async function acceptAll(session: Session, count: number): Promise<Stream[]> {
  const streams: Stream[] = [];
  while (streams.length < count) streams.push(await session.acceptStream());
  return streams;
}

describe.each(OPENERS)('muxer: streams that the %s opens', (opener) => {
  test('reach the other end, with bytes both ways', async () => {
    const { near, far, settle } = await muxerPair(opener);
    const echoing = echoStreams(far, 1);
    const answer = await settle(sendAndEnd(near.openStream(), [message(3)]));
    expect(answer.equals(message(3))).toBe(true);
    await settle(echoing);
  });

  test('are told before anything is written, under the same id', async () => {
    const pair = await muxerPair(opener);
    const [mine, theirs] = await openedStream(pair);
    expect(theirs.id).toBe(mine.id);
    await pair.settle(theirs.write('you first'));
    expect(Buffer.from((await pair.settle(mine.read()))!).toString()).toBe('you first');
  });

  test('may be empty: the reader sees the end at once, again and again', async () => {
    const pair = await muxerPair(opener);
    const [mine, theirs] = await openedStream(pair);
    await pair.settle(mine.close());
    expect(await pair.settle(theirs.read())).toBeNull();
    expect(await pair.settle(theirs.read())).toBeNull();
  });

  test('may be one-way: the other end cannot write, and the opener cannot read', async () => {
    const { near, far, settle } = await muxerPair(opener);
    const mine = near.openStream({ unidirectional: true });
    const theirs = await settle(far.acceptStream());
    const [received] = await settle(Promise.all([readToEnd(theirs), mine.write(message(4)).then(() => mine.close())]));
    expect(received.equals(message(4))).toBe(true);
    await expect(settle(theirs.write('back'))).rejects.toMatchObject(failure('ERR_KWIK_STREAM_CLOSED'));
    await expect(settle(mine.read())).rejects.toMatchObject(failure('ERR_KWIK_STREAM_CLOSED'));
  });

  test('are given out in the order of their opening, whichever is written to first, over a link that reorders', async () => {
    const { near, far, settle } = await muxerPair(opener, { link: ROUGH });
    const opened = Array.from({ length: 200 }, () => near.openStream());
    const writing = [...opened].reverse().map(async (stream) => {
      await stream.write(String(stream.id));
      await stream.close();
    });
    const accepted = await settle(acceptAll(far, 200));
    expect(accepted.map(({ id }) => id)).toEqual(opened.map(({ id }) => id));
    const names = await settle(Promise.all(accepted.map(readToEnd)));
    expect(names.map(String)).toEqual(opened.map(({ id }) => String(id)));
    await settle(Promise.all(writing));
  });

  test('do not wait for one that nobody reads', async () => {
    const limits = { streamWindowBytes: 512 * 1024, sendBufferBytes: 128 * 1024 };
    const pair = await muxerPair(opener, { limits });
    const { near, far, settle, pass } = pair;
    const [unread, theirs] = await openedStream(pair);
    const content = pattern(3_000_000);
    const writing = unread.write(content).then(() => unread.close());
    const written = outcomes([writing]);
    await pass(2000);
    const echoing = echoStreams(far, 9);
    const answers = await settle(
      Promise.all(Array.from({ length: 9 }, (_, index) => sendAndEnd(near.openStream(), [message(index)]))),
    );
    answers.forEach((answer, index) => expect(answer.equals(message(index))).toBe(true));
    expect(written).toEqual(['pending']);
    const [late] = await settle(Promise.all([readToEnd(theirs), writing, echoing]));
    expect(late.equals(content)).toBe(true);
  });
});

describe('muxer: streams that both ends open', () => {
  test('at the same time stay apart, and each end gets those of the other', async () => {
    const { near, far, settle } = await muxerPair('dialler');
    const opened = [near, far].flatMap((session) => Array.from({ length: 50 }, () => session.openStream()));
    expect(new Set(opened.map(({ id }) => id)).size).toBe(100);
    const echoing = [echoStreams(near, 50), echoStreams(far, 50)];
    const answers = await settle(Promise.all(opened.map((stream, index) => sendAndEnd(stream, [message(index)]))));
    await settle(Promise.all(echoing));
    answers.forEach((answer, index) => expect(answer.equals(message(index))).toBe(true));
  });

  test('while an accept waits at either end, go to the other end only', async () => {
    const { near, far, settle } = await muxerPair('dialler');
    const waiting = [near.acceptStream(), far.acceptStream()];
    const [byNear, byFar] = [near.openStream(), far.openStream()];
    const accepted = await settle(Promise.all(waiting));
    expect(accepted.map(({ id }) => id)).toEqual([byFar.id, byNear.id]);
  });
});
