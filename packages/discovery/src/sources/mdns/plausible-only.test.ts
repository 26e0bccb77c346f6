import { EventEmitter } from 'node:events';
import { expect, test } from '@jest/globals';
import { encode } from 'dns-packet';
import { plausibleOnly } from './plausible-only.js';

test('a datagram that promises more than it holds reaches nobody; whatever else happens does', () => {
  const socket = plausibleOnly(new EventEmitter());
  const seen: unknown[] = [];
  socket.on('message', (message: Buffer, from) => seen.push([message.length, from]));
  socket.on('listening', () => seen.push('listening'));
  const from = { address: '127.0.0.1', port: 1 };
  const good = encode({ type: 'query', questions: [{ name: 'a.local', type: 'A' }] });
  const bad = Buffer.from(good);
  bad.writeUInt16BE(65_535, 6);
  expect(socket.emit('message', bad, from)).toBe(false);
  expect(socket.emit('message', Buffer.alloc(0), from)).toBe(false);
  expect(socket.emit('message', good, from)).toBe(true);
  expect(socket.emit('listening')).toBe(true);
  expect(seen).toEqual([[good.length, from], 'listening']);
});
