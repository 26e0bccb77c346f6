import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { findCompiler } from '../netns/native-tools.js';
import { plainForwarder } from './plain-forwarder.js';

const works = process.platform === 'linux' && (await findCompiler()) !== undefined;
// eslint-disable-next-line no-restricted-syntax -- the gate counts it, and a machine without a compiler cannot run it
const testHere = works ? test : test.skip;

async function bound(): Promise<{ socket: Socket; port: number }> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { socket, port: socket.address().port };
}

describe('the plain forwarder (needs Linux and a C compiler)', () => {
  testHere('hands datagrams on, both ways, and counts them', async () => {
    const server = await bound();
    const client = await bound();
    const plain = await plainForwarder();
    try {
      const forwarder = await plain.start(server.port);
      client.socket.send('there', forwarder.port, '127.0.0.1');
      const [asked, from] = (await once(server.socket, 'message')) as [Buffer, AddressInfo];
      expect(asked.toString()).toBe('there');
      expect(from.port).not.toBe(client.port);
      server.socket.send('and back', from.port, '127.0.0.1');
      const [answer, by] = (await once(client.socket, 'message')) as [Buffer, AddressInfo];
      expect(answer.toString()).toBe('and back');
      expect(by.port).toBe(forwarder.port);
      expect(await forwarder.end()).toMatchObject({ datagrams: 2, bytes: 13 });
    } finally {
      server.socket.close();
      client.socket.close();
      await plain.dispose();
    }
  });
});
