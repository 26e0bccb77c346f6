import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import type { proto } from '../src/index.js';
import { DelimitedReader, decodeKcpMessage, decodePacket, encodeKcpMessage, encodePacket } from '../src/index.js';
import { KCP_CASES } from '../src/test-support/kcp-samples.js';
import { codeOf, fromHex, hex } from '../src/test-support/outcomes.js';
import { fromVectorJson, toVectorJson, type VectorJson } from '../src/test-support/vector-json.js';

interface Vectors {
  /** With their length prefix. */
  readonly accepted: readonly { readonly name: string; readonly hex: string; readonly decoded: VectorJson }[];
  /** Without it. */
  readonly refused: readonly { readonly name: string; readonly hex: string; readonly code: string }[];
}

const packets = load('packets');
const messages = load('kcp-messages');

describe('golden packets', () => {
  test.each(packets.accepted)('$name', ({ hex: digits, decoded }) => {
    expect(toVectorJson(decodePacket(unframed(digits), crc32))).toEqual(decoded);
    expect(hex(encodePacket(fromVectorJson(decoded) as proto.Packet, crc32))).toBe(digits);
  });

  test.each(packets.refused)('$name is refused', ({ hex: digits, code }) => {
    expect(codeOf(() => decodePacket(fromHex(digits), crc32))).toBe(code);
  });

  test('there is one of each frame', () => {
    const frames = packets.accepted.flatMap(({ decoded }) => (fromVectorJson(decoded) as proto.Packet).frames);
    const cases = new Set(frames.map(({ body }) => body?.$case));
    expect([...cases].sort()).toEqual([
      'ack',
      'blocked',
      'datagram',
      'maxStreams',
      'ping',
      'raw',
      'resetStream',
      'sealed',
      'stopSending',
      'stream',
      'windowUpdate',
    ]);
  });
});

describe('golden control messages', () => {
  test.each(messages.accepted)('$name', ({ hex: digits, decoded }) => {
    expect(toVectorJson(decodeKcpMessage(unframed(digits)))).toEqual(decoded);
    expect(hex(encodeKcpMessage(fromVectorJson(decoded) as proto.KcpMessage))).toBe(digits);
  });

  test.each(messages.refused)('$name is refused', ({ hex: digits, code }) => {
    expect(codeOf(() => decodeKcpMessage(fromHex(digits)))).toBe(code);
  });

  test('there is one of each body', () => {
    const bodies = messages.accepted.map(({ decoded }) => (fromVectorJson(decoded) as proto.KcpMessage).body);
    expect(new Set(bodies.map((body) => body?.$case))).toEqual(new Set([undefined, ...KCP_CASES]));
  });
});

function load(name: string): Vectors {
  return JSON.parse(readFileSync(new URL(`./vectors/${name}.json`, import.meta.url), 'utf8')) as Vectors;
}

function unframed(digits: string): Uint8Array {
  const reader = new DelimitedReader();
  reader.push(fromHex(digits));
  const message = reader.next();
  if (message === undefined || reader.bufferedBytes > 0) throw new Error(`not one message: ${digits}`);
  return message;
}
