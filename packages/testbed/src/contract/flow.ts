import assert from 'node:assert/strict';

import { content, expectSame, must, type ContractCase } from './contract-case.js';
import { writeAll } from './recording-handlers.js';

/** Backpressure, both ways. */
export const FLOW: readonly ContractCase[] = [
  {
    name: 'three megabytes arrive whole, though writes come up short and buffers are reused',
    run: async (world) => {
      const { pair, client, server } = await world.makeAttached();
      const data = content(3_000_000);
      const stream = must(client.open(true));
      writeAll(stream, data);
      await pair.until(() => server.streams.get(stream.stream.id)?.events[0] === 'end');
      const there = must(server.streams.get(stream.stream.id));
      expectSame(there, data);
      assert.equal(there.chunksUntouched, true);
      assert.ok(stream.writableCalls > 0);
    },
  },

  {
    name: 'a paused stream gets nothing and holds its sender back; resumed, it gets all',
    run: async (world) => {
      const { pair, client, server } = await world.makeAttached({
        streamWindowBytes: 65_536,
        connectionWindowBytes: 1 << 20,
      });
      const data = content(4_000_000);
      server.onStreamDo = (stream) => stream.pause();
      const stream = must(client.open(true));
      writeAll(stream, data);
      await pair.until(() => server.streams.size === 1);
      await pair.pass(300);
      const there = must(server.streams.get(stream.stream.id));
      assert.deepEqual(there.chunks, []);
      assert.deepEqual(stream.events, []);
      assert.ok(server.transport.stats().receivedBytes < 200_000);
      there.resume();
      await pair.until(() => there.events[0] === 'end');
      expectSame(there, data);
    },
  },

  {
    name: 'a stream can be paused from inside onData, and that very moment holds',
    run: async (world) => {
      const { pair, client, server } = await world.makeAttached();
      server.onStreamDo = (stream) => (stream.onDataDo = () => stream.pause());
      const stream = must(client.open(true));
      writeAll(stream, content(100_000));
      await pair.until(() => server.streams.get(stream.stream.id)?.chunks.length === 1);
      await pair.pass(50);
      const there = must(server.streams.get(stream.stream.id));
      assert.equal(there.chunks.length, 1);
      for (let count = 1; !there.events.includes('end'); count++) {
        there.resume();
        await pair.until(() => there.chunks.length > count || there.events.includes('end'));
      }
      expectSame(there, content(100_000));
    },
  },

  {
    name: 'a paused stream does not stop another',
    run: async (world) => {
      const { pair, client, server } = await world.makeAttached({
        streamWindowBytes: 65_536,
        connectionWindowBytes: 1 << 20,
      });
      const [held, free] = [must(client.open(true)), must(client.open(true))];
      server.onStreamDo = (stream) => {
        if (stream.stream.id === held.stream.id) stream.pause();
      };
      writeAll(held, content(500_000));
      writeAll(free, content(500_000));
      await pair.until(() => server.streams.get(free.stream.id)?.events[0] === 'end');
      assert.deepEqual(server.streams.get(held.stream.id)?.chunks, []);
    },
  },

  {
    name: 'sendableBytes falls with what is written, and onSendable tells of its return',
    run: async (world) => {
      const { pair, client } = await world.makeAttached();
      await pair.until(() => client.transport.sendableBytes() >= client.transport.stats().datagramBytes);
      const stream = must(client.open(true));
      let written = 0;
      while (client.transport.sendableBytes() >= client.transport.stats().datagramBytes && written < 64 << 20) {
        const before = client.transport.sendableBytes();
        const taken = stream.write(content(1000));
        if (taken === 0) break;
        written += taken;
        assert.ok(client.transport.sendableBytes() < before);
      }
      assert.ok(client.transport.sendableBytes() < client.transport.stats().datagramBytes);
      assert.ok(client.transport.stats().unsentBytes > 0);
      const calls = client.sendableCalls;
      await pair.until(() => client.sendableCalls > calls);
      await pair.until(() => client.transport.stats().unsentBytes === 0);
    },
  },

  {
    name: 'a sender that writes only what is sendable gets all through',
    run: async (world) => {
      const { pair, client, server } = await world.makeAttached();
      const total = 2_000_000;
      const stream = must(client.open(true));
      const data = content(total);
      let offset = 0;
      const go = (): void => {
        while (offset < total) {
          const room = Math.min(client.transport.sendableBytes(), 8192, total - offset);
          const taken = room < 1000 && room < total - offset ? 0 : stream.write(data.subarray(offset, offset + room));
          if (taken === 0) return;
          offset += taken;
        }
      };
      const onSendable = client.onSendable.bind(client);
      client.onSendable = () => {
        onSendable();
        go();
      };
      stream.onWritableDo = go;
      go();
      await pair.until(() => server.streams.get(stream.stream.id)?.receivedBytes === total);
      expectSame(server.streams.get(stream.stream.id), data);
    },
  },
];
