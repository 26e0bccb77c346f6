import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

import { content, expectSame, must, type ContractCase } from './contract-case.js';
import { writeAll } from './recording-handlers.js';

/** What a connection tells of itself, and when it calls handlers. */
export const BASICS: readonly ContractCase[] = [
  {
    name: 'knows its sides, addresses and certificates',
    run: async (world) => {
      const { pair } = await world.makeAttached();
      assert.deepEqual([pair.client.side, pair.server.side], ['client', 'server']);
      assert.equal(pair.client.remote.port, pair.server.local.port);
      assert.equal(pair.server.remote.port, pair.client.local.port);
      assert.ok(pair.client.peerCertificates.length > 0);
      assert.deepEqual(pair.server.peerCertificates, []);
      // tls-server-end-point (RFC 5929): both ends know the same leaf.
      const leaf = createHash('sha256').update(must(pair.client.peerCertificates[0])).digest();
      assert.deepEqual(Buffer.from(pair.client.channelBinding), leaf);
      assert.deepEqual(Buffer.from(pair.server.channelBinding), leaf);
      assert.deepEqual([pair.client.closed, pair.server.closed], [false, false]);
    },
  },

  {
    name: 'takes a handler once, and so does a stream',
    run: async (world) => {
      const { client } = await world.makeAttached();
      const refused = { code: 'ERR_KWIK_INVALID_STATE' };
      assert.throws(() => client.attach(), refused);
      const stream = must(client.open(false));
      assert.throws(() => stream.stream.attach(stream), refused);
    },
  },

  {
    name: 'streams and data that came before the handler are told after it was attached, not while',
    run: async (world) => {
      const { pair, client, server } = await world.make();
      client.attach();
      const sent = must(client.open(true));
      writeAll(sent, content(5000));
      await pair.pass(50);
      server.attach();
      assert.equal(server.streams.size, 0);
      await pair.until(() => server.streams.get(sent.stream.id)?.events.includes('end') === true);
      expectSame(server.streams.get(sent.stream.id), content(5000));
    },
  },

  {
    name: 'data for a stream that was opened here waits for its handler',
    run: async (world) => {
      const { pair, client, server } = await world.makeAttached();
      const bare = must(pair.client.openStream({ unidirectional: false }));
      bare.write(Buffer.from('question'));
      server.onStreamDo = (stream) => writeAll(stream, content(3000));
      await pair.until(() => server.streams.size === 1);
      await pair.pass(50);
      let received = 0;
      bare.attach({
        onData: (chunk) => (received += chunk.length),
        onEnd: () => undefined,
        onReset: () => undefined,
        onStopSending: () => undefined,
        onWritable: () => undefined,
      });
      assert.equal(received, 0);
      await pair.until(() => received === 3000);
      assert.deepEqual(client.closes, []);
    },
  },

  {
    name: 'tells about the connection: RTT, counts, last sign of the peer',
    run: async (world) => {
      const { pair, client, server } = await world.makeAttached();
      const before = client.transport.lastReceivedMs();
      server.onStreamDo = (stream) => writeAll(stream, content(200_000));
      const stream = must(client.open(false));
      writeAll(stream, content(100));
      await pair.until(() => stream.events.includes('end'));
      const stats = client.transport.stats();
      assert.ok(stats.rttMs > 0);
      assert.ok(stats.minRttMs > 0);
      assert.ok(stats.cwndBytes > stats.datagramBytes);
      assert.ok(stats.sentPackets > 0);
      // Samples may be a few milliseconds old, and the transfer took little more.
      assert.ok(stats.receivedBytes > 100_000);
      assert.ok(server.transport.stats().sentBytes > 100_000);
      assert.ok(client.transport.lastReceivedMs() > before);
    },
  },
];
