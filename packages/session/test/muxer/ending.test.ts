import { describe, expect, jest, test } from '@jest/globals';
import type { Session, Stream } from '@kwik/session';
import { failure, message, muxerPair, openedStream, OPENERS, readToEnd, sendAndEnd, type MuxerPair } from './pair.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

/** A stream over which `mine` has sent a byte, which has been read. */
async function usedStream(pair: MuxerPair): Promise<[Stream, Stream]> {
  const [mine, theirs] = await openedStream(pair);
  await pair.settle(Promise.all([mine.write('!'), theirs.read()]));
  return [mine, theirs];
}

/** Both ends still carry a message each way. */
async function expectCarries(pair: MuxerPair, [one, other]: readonly [Stream, Stream]): Promise<void> {
  const [there, back] = await pair.settle(
    Promise.all([sendAndEnd(other, [message(3)]), sendAndEnd(one, [message(6)])]),
  );
  expect(there.equals(message(6))).toBe(true);
  expect(back.equals(message(3))).toBe(true);
}

describe.each(OPENERS)('muxer: the end of a stream that the %s opened', (opener) => {
  test.each(['opener', 'accepter'] as const)('closed for writing by the %s first, it is read on', async (first) => {
    const pair = await muxerPair(opener);
    const [mine, theirs] = await openedStream(pair);
    const [early, late] = first === 'opener' ? [mine, theirs] : [theirs, mine];
    await pair.settle(Promise.all([early.write('request'), early.close()]));
    expect((await pair.settle(readToEnd(late))).toString()).toBe('request');
    await expect(early.write('more')).rejects.toMatchObject(failure('ERR_KWIK_STREAM_CLOSED'));
    await pair.pass(5000);
    const answering = late.write(message(4)).then(() => late.close());
    const [answer] = await pair.settle(Promise.all([readToEnd(early), answering]));
    expect(answer.equals(message(4))).toBe(true);
  });

  test('closed at both ends at once, all of it arrives', async () => {
    const pair = await muxerPair(opener);
    await expectCarries(pair, await openedStream(pair));
  });

  test('closing twice is closing once', async () => {
    const pair = await muxerPair(opener);
    const [mine, theirs] = await openedStream(pair);
    await pair.settle(Promise.all([mine.write('once'), mine.close(), mine.close()]));
    await pair.settle(mine.close());
    expect((await pair.settle(readToEnd(theirs))).toString()).toBe('once');
  });

  test.each(['opener', 'accepter'] as const)('when the %s stops reading, writing fails there', async (reader) => {
    const pair = await muxerPair(opener);
    const [mine, theirs] = await usedStream(pair);
    const [stops, writes] = reader === 'opener' ? [mine, theirs] : [theirs, mine];
    stops.stopSending(7);
    expect(await pair.settle(writes.peerStopped())).toBe(7);
    await expect(writes.write('unwanted')).rejects.toMatchObject(failure('ERR_KWIK_STREAM_STOPPED', 7));
    expect(await pair.settle(stops.read())).toBeNull();
    // The other direction is as it was.
    const [received] = await pair.settle(Promise.all([readToEnd(writes), stops.write('on').then(() => stops.close())]));
    expect(received.toString()).toBe('on');
  });

  test('stopped with a write that waits, that write fails', async () => {
    const pair = await muxerPair(opener, { limits: { streamWindowBytes: 256 * 1024, sendBufferBytes: 65_536 } });
    const [mine, theirs] = await usedStream(pair);
    const writing = mine.write(new Uint8Array(2_000_000));
    const refused = expect(writing).rejects.toMatchObject(failure('ERR_KWIK_STREAM_STOPPED', 8));
    await pair.pass(1000);
    theirs.stopSending(8);
    await pair.pass(1000);
    await refused;
  });

  test.each(['opener', 'accepter'] as const)('reset by the %s, the other end hears the code', async (who) => {
    const pair = await muxerPair(opener);
    const [mine, theirs] = await usedStream(pair);
    const [resets, hears] = who === 'opener' ? [mine, theirs] : [theirs, mine];
    const reading = hears.read();
    resets.reset(42);
    await expect(pair.settle(reading)).rejects.toMatchObject(failure('ERR_KWIK_STREAM_RESET', 42));
    await expect(hears.read()).rejects.toMatchObject(failure('ERR_KWIK_STREAM_RESET', 42));
    await expect(resets.write('more')).rejects.toMatchObject(failure('ERR_KWIK_STREAM_CLOSED'));
    const [received] = await pair.settle(
      Promise.all([readToEnd(resets), hears.write('still here').then(() => hears.close())]),
    );
    expect(received.toString()).toBe('still here');
  });

  test('abandoned both ways, the other end can neither read nor write, and other streams go on', async () => {
    const pair = await muxerPair(opener);
    const beside = await usedStream(pair);
    const [mine, theirs] = await usedStream(pair);
    mine.reset(1);
    mine.stopSending(2);
    await expect(pair.settle(theirs.read())).rejects.toMatchObject(failure('ERR_KWIK_STREAM_RESET', 1));
    expect(await pair.settle(theirs.peerStopped())).toBe(2);
    await expect(theirs.write('x')).rejects.toMatchObject(failure('ERR_KWIK_STREAM_STOPPED', 2));
    await expectCarries(pair, beside);
  });

  test('reset after a megabyte that nobody read, it frees what it held', async () => {
    const limits = { streamWindowBytes: 1_048_576, pathWindowBytes: 1_048_576 };
    const pair = await muxerPair(opener, { limits });
    for (let round = 0; round < 8; round++) {
      const [mine, theirs] = await openedStream(pair);
      await pair.settle(mine.write(new Uint8Array(800_000)));
      mine.reset(round);
      mine.stopSending();
      theirs.reset();
      await pair.pass(500);
      await expect(pair.settle(readToEnd(theirs))).rejects.toMatchObject(failure('ERR_KWIK_STREAM_RESET', round));
    }
    await expectCarries(pair, await openedStream(pair));
  });
});

/** Ways for a stream to be over at both ends. */
const ENDINGS: ((mine: Stream, theirs: Stream) => Promise<unknown>)[] = [
  (mine, theirs) => Promise.all([sendAndEnd(mine, [message(2)]), sendAndEnd(theirs, [message(5)])]),
  (mine, theirs) => {
    mine.reset(1);
    theirs.reset(2);
    return Promise.allSettled([readToEnd(mine), readToEnd(theirs)]);
  },
  (mine, theirs) => {
    mine.stopSending(3);
    theirs.stopSending(4);
    return Promise.all([mine.peerStopped(), theirs.peerStopped()]);
  },
  (mine, theirs) => {
    mine.reset(5);
    mine.stopSending(6);
    return Promise.allSettled([readToEnd(theirs), theirs.peerStopped()]);
  },
];

function openUntilRefused(session: Session, bound: number): number {
  for (let count = 0; count < bound; count++) {
    try {
      session.openStream();
    } catch (error) {
      expect(error).toMatchObject(failure('ERR_KWIK_STREAM_LIMIT'));
      return count;
    }
  }
  return bound;
}

describe.each(OPENERS)('muxer: streams of the %s that are over', (opener) => {
  test.each(ENDINGS.map((end, index) => [['closed', 'reset', 'stopped', 'abandoned'][index]!, end] as const))(
    'are forgotten when they were %s: afterwards there is credit for as many as at first',
    async (_name, end) => {
      const pair = await muxerPair(opener, { limits: { maxStreams: 8 } });
      for (let round = 0; round < 5; round++) {
        const streams: [Stream, Stream][] = [];
        while (streams.length < 8) streams.push(await openedStream(pair));
        expect(openUntilRefused(pair.near, 1)).toBe(0);
        await pair.settle(Promise.all(streams.map(([mine, theirs]) => end(mine, theirs))));
        await pair.pass(500);
      }
      expect(openUntilRefused(pair.near, 20)).toBe(8);
    },
  );
});
