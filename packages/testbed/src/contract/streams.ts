import assert from 'node:assert/strict';

import { SeededRandom } from '../random/seeded-random.js';
import { content, expectSame, must, type ContractCase, type ContractWorld } from './contract-case.js';
import type { RecordingSide, RecordingStream } from './recording-handlers.js';
import { writeAll } from './recording-handlers.js';

/** Streams: their bytes, their ends, their number. */
export const STREAMS: readonly ContractCase[] = [
  ...(['client', 'server'] as const).map((from) => ({
    name: `a bidirectional stream of the ${from} carries bytes both ways`,
    run: async (world: ContractWorld) => {
      const { pair, ...both } = await world.makeAttached();
      const [near, far] = from === 'client' ? [both.client, both.server] : [both.server, both.client];
      far.onStreamDo = (stream) => writeAll(stream, content(70_000, 2));
      const stream = must(near.open(false));
      writeAll(stream, content(50_000, 1));
      await pair.until(() => stream.events.length > 0 && far.streams.get(stream.stream.id)?.events.length === 1);
      const there = must(far.streams.get(stream.stream.id));
      assert.deepEqual([stream.stream.openedByPeer, there.stream.openedByPeer], [false, true]);
      assert.deepEqual([stream.stream.unidirectional, there.stream.unidirectional], [false, false]);
      expectSame(there, content(50_000, 1));
      expectSame(stream, content(70_000, 2));
      assert.deepEqual([stream.events, there.events], [['end'], ['end']]);
      assert.equal(stream.chunksUntouched && there.chunksUntouched, true);
    },
  })),

  {
    name: 'a unidirectional stream carries bytes one way',
    run: async (world) => {
      const { pair, client, server } = await world.makeAttached();
      const stream = must(server.open(true));
      writeAll(stream, content(10_000));
      await pair.until(() => client.streams.get(stream.stream.id)?.events.length === 1);
      const there = must(client.streams.get(stream.stream.id));
      assert.equal(there.stream.unidirectional, true);
      expectSame(there, content(10_000));
      assert.throws(() => there.write(content(1)), { code: 'ERR_KWIK_STREAM_CLOSED' });
    },
  },

  {
    name: 'stream ids are those of RFC 9000, section 2.1',
    run: async (world) => {
      const { client, server } = await world.makeAttached();
      const ids = (side: RecordingSide): number[] =>
        [false, true, false, true].map((uni) => must(side.open(uni)).stream.id);
      assert.deepEqual(ids(client), [0, 2, 4, 6]);
      assert.deepEqual(ids(server), [1, 3, 5, 7]);
    },
  },

  {
    name: 'an empty stream ends, and an end after data comes after it',
    run: async (world) => {
      const { pair, client, server } = await world.makeAttached();
      const empty = must(client.open(true));
      empty.end();
      const late = must(client.open(true));
      late.write(content(10));
      await pair.until(() => server.streams.get(late.stream.id)?.receivedBytes === 10);
      late.end();
      await pair.until(() => [empty, late].every(({ stream }) => server.streams.get(stream.id)?.events[0] === 'end'));
      assert.deepEqual(server.streams.get(empty.stream.id)?.chunks, []);
      assert.throws(() => late.write(content(1)), { code: 'ERR_KWIK_STREAM_CLOSED' });
    },
  },

  {
    name: 'a reset tells its code and nothing after it',
    run: async (world) => {
      const { pair, client, server } = await world.makeAttached();
      const stream = must(client.open(false));
      stream.write(content(1000));
      await pair.until(() => server.streams.get(stream.stream.id)?.receivedBytes === 1000);
      stream.reset(4242);
      const there = must(server.streams.get(stream.stream.id));
      await pair.until(() => there.events.length > 0);
      await pair.pass(50);
      assert.deepEqual(there.events, ['reset 4242']);
      assert.throws(() => stream.write(content(1)), { code: 'ERR_KWIK_STREAM_CLOSED' });
      // The other direction lives on.
      writeAll(there, content(300));
      await pair.until(() => stream.events.includes('end'));
      assert.equal(stream.receivedBytes, 300);
    },
  },

  {
    name: 'a stop tells its code, and writing leads nowhere from then on',
    run: async (world) => {
      const { pair, client, server } = await world.makeAttached();
      const stream = must(client.open(false));
      stream.write(content(1000));
      await pair.until(() => server.streams.get(stream.stream.id)?.receivedBytes === 1000);
      const there = must(server.streams.get(stream.stream.id));
      there.stopSending(77);
      await pair.until(() => stream.events.length > 0);
      assert.deepEqual(stream.events, ['stop 77']);
      assert.equal(stream.write(content(1000)), 0);
      await pair.pass(50);
      assert.equal(there.receivedBytes, 1000);
      assert.ok(!there.events.includes('end'));
    },
  },

  {
    name: 'streams stay apart: 60 of them at once, each whole',
    run: async (world) => {
      const { pair, client, server } = await world.makeAttached();
      server.onStreamDo = (stream) => {
        if (!stream.stream.unidirectional) writeAll(stream, content(20_000, stream.stream.id));
      };
      const random = new SeededRandom(60);
      const streams = Array.from({ length: 60 }, (_, index) => {
        const stream = must(client.open(index % 3 === 0));
        const data = content(random.below(40_000), index);
        writeAll(stream, data);
        return { stream, data };
      });
      const ended = (stream: RecordingStream | undefined): boolean => stream?.events[0] === 'end';
      await pair.until(() =>
        streams.every(
          ({ stream }) =>
            ended(server.streams.get(stream.stream.id)) && (stream.stream.unidirectional || ended(stream)),
        ),
      );
      for (const { stream, data } of streams) {
        expectSame(server.streams.get(stream.stream.id), data);
        if (!stream.stream.unidirectional) assert.equal(stream.receivedBytes, 20_000);
      }
    },
  },

  ...[false, true].map((unidirectional) => ({
    name: `the peer bounds the number of streams, unidirectional: ${unidirectional}`,
    run: async (world: ContractWorld) => {
      const { pair, client, server } = await world.makeAttached({ maxBidiStreams: 3, maxUniStreams: 3 });
      server.onStreamDo = (stream) => {
        if (!unidirectional) stream.end();
      };
      const streams = [1, 2, 3].map(() => must(client.open(unidirectional)));
      assert.equal(client.open(unidirectional), undefined);
      for (const stream of streams) writeAll(stream, content(10));
      await pair.until(() => streams.every(({ stream }) => server.streams.get(stream.id)?.events[0] === 'end'));
      // Finished streams give their places back.
      let next: RecordingStream | undefined;
      await pair.until(() => (next ??= client.open(unidirectional)) !== undefined);
      writeAll(must(next), content(20));
      await pair.until(() => server.streams.get(must(next).stream.id)?.receivedBytes === 20);
    },
  })),
];
