import { describe, expect, jest, test } from '@jest/globals';
import type { Session, Stream } from '@kwik/session';
import { echoStreams, message, MessageReader, muxerPair, oneOfMany, OPENERS, ROUGH, sendAndEnd } from './pair.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

type Content = (index: number) => Uint8Array;

/** Streams, messages on each of them, and what those are. */
const LOADS = [
  [5, 9, message],
  [50, 1, message],
  [500, 1, oneOfMany],
] as const;

function messagesOf(content: Content, stream: number, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => content(stream * count + index));
}

/** One stream with its messages; whether they came back as they were. */
async function roundTrip(session: Session, index: number, messages: number, content: Content): Promise<boolean> {
  const sent = messagesOf(content, index, messages);
  const answer = await sendAndEnd(session.openStream(), sent);
  return answer.equals(Buffer.concat(sent));
}

/** Asks and waits for each answer before the next question, as a protocol over a stream does. */
async function askInTurn(stream: Stream, first: number, count: number): Promise<number> {
  const reader = new MessageReader(stream);
  let right = 0;
  for (let index = first; index < first + count; index++) {
    const question = oneOfMany(index);
    await stream.write(question);
    if ((await reader.next(question.length)).equals(question)) right++;
  }
  await stream.close();
  return right;
}

describe.each(OPENERS)('muxer: many streams of the %s', (opener) => {
  test.each(LOADS)(
    '%i one after the other, with %i messages each, come back byte for byte',
    async (count, messages, content) => {
      const { near, far, settle } = await muxerPair(opener);
      const echoing = echoStreams(far, count);
      const right: boolean[] = [];
      for (let index = 0; index < count; index++) right.push(await settle(roundTrip(near, index, messages, content)));
      await settle(echoing);
      expect(right).toEqual(new Array(count).fill(true));
    },
  );

  test.each(LOADS)('%i at once, with %i messages each, come back byte for byte', async (count, messages, content) => {
    const { near, far, settle } = await muxerPair(opener);
    const echoing = echoStreams(far, count);
    const all = Array.from({ length: count }, (_, index) => roundTrip(near, index, messages, content));
    expect(await settle(Promise.all(all))).toEqual(new Array(count).fill(true));
    await settle(echoing);
  });

  test('50 at once over a link that loses and reorders come back byte for byte', async () => {
    const { near, far, settle } = await muxerPair(opener, { link: ROUGH });
    const echoing = echoStreams(far, 50);
    const all = Array.from({ length: 50 }, (_, index) => roundTrip(near, index, 2, oneOfMany));
    expect(await settle(Promise.all(all))).toEqual(new Array(50).fill(true));
    await settle(echoing);
  });

  test('1,000 messages over 10 streams, each answered before the next', async () => {
    const { near, far, settle } = await muxerPair(opener);
    const echoing = echoStreams(far, 10);
    const asking = Array.from({ length: 10 }, (_, index) => askInTurn(near.openStream(), 100 * index, 100));
    expect(await settle(Promise.all(asking))).toEqual(new Array(10).fill(100));
    await settle(echoing);
  });
});
