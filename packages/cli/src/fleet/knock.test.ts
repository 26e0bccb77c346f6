import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, expect, test } from '@jest/globals';
import { knock } from './knock.js';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A server that answers each packet with what `answer` makes of it. */
async function server(answer: (packet: Buffer) => Buffer): Promise<string> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  closers.push(() => socket.close());
  await once(socket, 'listening');
  socket.on('message', (packet, { port, address }) => socket.send(answer(packet), port, address));
  return `127.0.0.1:${socket.address().port}`;
}

/** Version negotiation: the ids the other way round. */
function negotiation(packet: Buffer): Buffer {
  const [to, from] = [packet.subarray(6, 14), packet.subarray(15, 23)];
  return Buffer.concat([Buffer.of(0x80, 0, 0, 0, 0, 8), from, Buffer.of(8), to, Buffer.of(0, 0, 0, 1)]);
}

test('a server that answers is there, and one whose answer is of somebody else is not', async () => {
  expect(await knock(await server(negotiation))).toBeGreaterThanOrEqual(0);
  expect(await knock(await server((packet) => packet))).toBeUndefined();
});

test.each(['', 'no address', 'a b:1', '-:0', '[::g]:1', 'nowhere.invalid:1', 'exämple:1', '127.0.0.1:99999'])(
  'what a server calls its address, and is none, is as one that does not answer: %j',
  async (address) => {
    expect(await knock(address)).toBeUndefined();
  },
);
