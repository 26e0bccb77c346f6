import assert from 'node:assert/strict';

import { content, expectSame, must, type ContractCase } from './contract-case.js';
import { writeAll } from './recording-handlers.js';

/** How a connection ends. */
export const END: readonly ContractCase[] = [
  {
    name: 'close sends what was written, then its code and reason; both sides hear it once and nothing after',
    run: async (world) => {
      const { pair, client, server } = await world.makeAttached();
      const stream = must(client.open(true));
      assert.equal(stream.write(content(10_000)), 10_000);
      client.close(1234, 'that was all');
      assert.deepEqual(client.closes, []);
      await pair.until(() => client.closes.length > 0 && server.closes.length > 0);
      await pair.pass(100);
      assert.deepEqual(client.closes, [{ by: 'local', code: 1234, reason: 'that was all' }]);
      assert.deepEqual(server.closes, [{ by: 'peer', code: 1234, reason: 'that was all' }]);
      expectSame(server.streams.get(stream.stream.id), content(10_000));
    },
  },

  {
    name: 'a closed transport opens and writes nothing, and does not mind being closed again',
    run: async (world) => {
      const { pair, client, server } = await world.makeAttached();
      const stream = must(client.open(true));
      server.close(5, '');
      await pair.until(() => client.closes.length > 0 && server.closes.length > 0);
      for (const side of [client, server]) {
        assert.equal(side.transport.closed, true);
        assert.equal(side.transport.openStream({ unidirectional: true }), undefined);
        assert.equal(side.transport.sendableBytes(), 0);
        side.close(6, 'again');
      }
      assert.equal(stream.write(content(10)), 0);
      stream.resume();
      stream.stopSending(1);
      stream.reset(1);
      await pair.pass(100);
      assert.deepEqual([client.closes.length, server.closes.length], [1, 1]);
    },
  },

  {
    name: 'both may close at once',
    run: async (world) => {
      const { pair, client, server } = await world.makeAttached();
      client.close(1, 'client');
      server.close(2, 'server');
      await pair.until(() => client.closes.length > 0 && server.closes.length > 0);
      await pair.pass(100);
      assert.deepEqual([client.closes.length, server.closes.length], [1, 1]);
    },
  },

  {
    name: 'closing from inside a handler stops the calls at once',
    run: async (world) => {
      const { pair, client, server } = await world.makeAttached();
      server.onStreamDo = (stream) => (stream.onDataDo = () => server.close(9, 'enough'));
      const stream = must(client.open(true));
      writeAll(stream, content(50_000));
      await pair.until(() => server.closes.length > 0 && client.closes.length > 0);
      assert.equal(server.streams.get(stream.stream.id)?.chunks.length, 1);
      assert.deepEqual(client.closes[0], { by: 'peer', code: 9, reason: 'enough' });
    },
  },

  {
    name: 'silence longer than the idle timeout ends it',
    run: async (world) => {
      const { pair, client, server } = await world.makeAttached({ idleTimeoutMs: 400 });
      await pair.until(() => client.closes.length > 0 && server.closes.length > 0);
      for (const { closes } of [client, server]) {
        assert.equal(closes.length, 1);
        assert.equal(closes[0]?.by, 'idle');
        assert.equal(closes[0].error?.code, 'ERR_KWIK_IDLE_TIMEOUT');
      }
    },
  },
];
