import { randomBytes } from 'node:crypto';
import { afterEach, expect, test } from '@jest/globals';
import { pause } from '@kwik/testbed';
import { TestServer, TransportProbe } from '../test-support/peers.js';
import { Relay } from '../test-support/relay.js';
import { Endpoint } from './endpoint.js';

const open: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

test('an honest peer is never closed for what 5 % of loss does: gaps behind bulk, and thousands of small messages', async () => {
  const server = await TestServer.start({ server: { strangerBytes: 256 * 1024 } });
  const relay = await Relay.create(server.port);
  const endpoint = await Endpoint.bind();
  open.push(server, relay, endpoint);
  const client = new TransportProbe(await endpoint.dial(server.dialOptions({ dial: { port: relay.port } })));
  const accepted = await server.nextConnection();
  accepted.transport.acceptPeer?.();
  let count = 0;
  relay.loses = () => (count += 1) % 20 === 0;
  const [bulk, chat] = [randomBytes(12_000_000), randomBytes(400_000)];
  const [bulkStream, chatStream] = [client.open(true), client.open(true)];
  const sending = bulkStream.send(bulk);
  for (let at = 0; at < chat.length; at += 40) {
    await chatStream.send(chat.subarray(at, at + 40), at + 40 === chat.length);
    if (at % 2_000 === 0) await pause(2);
  }
  await sending;
  const arrived = [await accepted.nextStream(), await accepted.nextStream()];
  await Promise.all(arrived.map((stream) => stream.ended.promise));
  const [first, second] = arrived.sort((a, b) => b.bytes - a.bytes).map((stream) => stream.received());
  expect(Buffer.compare(first!, bulk)).toBe(0);
  expect(Buffer.compare(second!, chat)).toBe(0);
  expect([client.closeCalls, accepted.closeCalls]).toEqual([0, 0]);
}, 60_000);
