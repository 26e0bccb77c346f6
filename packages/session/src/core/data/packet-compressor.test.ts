import { describe, expect, it } from '@jest/globals';
import { encodePacket, MAX_PACKET_BYTES, PacketReader, proto, streamFrame, type PacketInput } from '@kwik/wire';
import { crc32, deflateRawSync } from 'node:zlib';
import { NODE_NATIVES } from '../../runtime/host/node-natives.js';
import { patternBytes } from '../../test-support/random.js';
import { framesOf, PacketCompressor } from './packet-compressor.js';

const text = new TextEncoder().encode('all work and no play makes jack a dull boy; '.repeat(100));

function packetOf(data: Uint8Array): PacketInput {
  const frames = [streamFrame({ streamId: 4n, offset: 100n, data })];
  return { packetNumber: 7n, type: proto.PacketType.DATA, frames };
}

function onTheWire(packet: PacketInput): proto.Packet {
  const reader = new PacketReader(crc32, { maxPacketBytes: 65_536 });
  reader.push(encodePacket(packet, crc32));
  return reader.next()!;
}

describe('PacketCompressor', () => {
  it('makes text smaller, and the peer reads the same frames', () => {
    const packet = packetOf(text);
    const compressed = new PacketCompressor(NODE_NATIVES.deflate).compress(packet, text.length);
    expect(encodePacket(compressed, crc32).length).toBeLessThan(text.length / 4);
    expect(framesOf(onTheWire(compressed), MAX_PACKET_BYTES, NODE_NATIVES.inflate)).toEqual(onTheWire(packet).frames);
  });

  it('leaves alone what does not get smaller, and tries more and more rarely', () => {
    const compressor = new PacketCompressor(NODE_NATIVES.deflate);
    const noise = packetOf(patternBytes(4000));
    expect(compressor.compress(noise, 4000)).toBe(noise);
    // One packet of pause, then two, then four.
    const tries = [];
    for (let count = 1; count < 16; count++) {
      const tried = compressor.compress(packetOf(count === 15 ? text : patternBytes(4000)), 4000);
      tries.push(tried.compression !== undefined);
    }
    expect(tries.indexOf(true)).toBe(-1);
    for (let count = 0; count < 8; count++) compressor.compress(noise, 4000);
    const late = Array.from({ length: 16 }, () => compressor.compress(packetOf(text), text.length));
    expect(late.some(({ compression }) => compression !== undefined)).toBe(true);
  });

  it('leaves small packets alone', () => {
    const small = packetOf(text.subarray(0, 100));
    expect(new PacketCompressor(NODE_NATIVES.deflate).compress(small, 100)).toBe(small);
  });
});

describe('framesOf', () => {
  const bomb = deflateRawSync(new Uint8Array(10_000_000));
  const compressed = (
    originalBytes: number,
    bytes: Uint8Array,
    algorithm: proto.CompressionAlgorithm = proto.CompressionAlgorithm.DEFLATE,
  ) =>
    onTheWire({
      packetNumber: 1n,
      type: proto.PacketType.DATA,
      frames: [],
      compression: { algorithm, originalBytes },
      compressedFrames: bytes,
    });

  it.each([
    ['more than it says', 1000, bomb, 'ERR_KWIK_INVALID_PACKET'],
    ['less than it says', 1000, deflateRawSync(new Uint8Array(10)), 'ERR_KWIK_INVALID_PACKET'],
    ['rubbish', 1000, Uint8Array.of(255, 255, 255), 'ERR_KWIK_INVALID_PACKET'],
  ])('refuses %s, and inflates no more than that', (_name, originalBytes, bytes, code) => {
    expect(() => framesOf(compressed(originalBytes, bytes), MAX_PACKET_BYTES, NODE_NATIVES.inflate)).toThrow(
      expect.objectContaining({ code }),
    );
  });

  it('refuses an algorithm that it does not know', () => {
    const packet = compressed(10, Uint8Array.of(1), proto.CompressionAlgorithm.BROTLI);
    expect(() => framesOf(packet, MAX_PACKET_BYTES, NODE_NATIVES.inflate)).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_UNSUPPORTED' }),
    );
  });
  it('inflates nothing where the two ends did not agree on compression', () => {
    const honest = new PacketCompressor(NODE_NATIVES.deflate).compress(packetOf(text), text.length);
    expect(() => framesOf(onTheWire(honest), 0, NODE_NATIVES.inflate)).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_UNSUPPORTED' }),
    );
  });

  it('refuses what says that it holds more than a packet can, before it is inflated', () => {
    // Rubbish: inflating it would be told as such.
    const packet = compressed(MAX_PACKET_BYTES + 1, Uint8Array.of(255, 255, 255));
    expect(() => framesOf(packet, MAX_PACKET_BYTES, NODE_NATIVES.inflate)).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_PACKET_TOO_LARGE' }),
    );
  });
});
