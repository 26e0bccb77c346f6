import { crc32 } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { decodePacket } from '../codec/packet-decoder.js';
import { encodePacket } from '../codec/packet-encoder.js';
import { type Frame, FrameFlag, PacketType, type StreamFrame } from '../gen/kwik/v1/data.js';
import { testFrame } from '../test-support/frame-suite.js';
import { withoutPrefix } from '../test-support/sealing.js';
import { hasFlag, streamFlags, streamFrame } from './stream-frame.js';

const data = Uint8Array.of(0xca, 0xfe);

testFrame('stream frame', {
  examples: [
    { what: 'one of stream 0', frame: streamFrame({ streamId: 0n, offset: 0n, data }), bytes: '0a04 2a02cafe' },
    {
      what: 'one with an offset',
      frame: streamFrame({ streamId: 4n, offset: 300n, data }),
      bytes: '0a09 0804 10ac02 2a02cafe',
    },
    {
      what: 'the end of a stream',
      frame: streamFrame({ streamId: 4n, offset: 300n, data: new Uint8Array(0), fin: true }),
      bytes: '0a07 0804 10ac02 1801',
    },
    {
      what: 'one with all flags that senders set',
      frame: streamFrame({ streamId: 1n, offset: 1n, data, fin: true, retransmit: true, range: true, priority: 7 }),
      bytes: '0a0c 0801 1001 1863 2007 2a02cafe',
    },
    {
      what: 'one with the largest id and offset',
      frame: streamFrame({ streamId: (1n << 62n) - 1n, offset: (1n << 62n) - 3n, data }),
      bytes: '0a18 08ffffffffffffffff3f 10fdffffffffffffff3f 2a02cafe',
    },
  ],
  broken: [
    { what: 'a stream id of 2^62', frame: broken({ streamId: 1n << 62n }), says: /stream id/ },
    { what: 'an offset of 2^62', frame: broken({ offset: 1n << 62n }), says: /offset/ },
    { what: 'data that ends beyond 2^62', frame: broken({ offset: (1n << 62n) - 2n }), says: /beyond 2\^62-1/ },
    { what: 'an unknown flag', frame: broken({ flags: 128 }), says: /unknown flags 128/ },
    { what: 'the highest bit of the flags', frame: broken({ flags: 0x8000_0001 }), says: /unknown flags/ },
    { what: 'a priority without its flag', frame: broken({ priority: 1 }), says: /no flag for it/ },
    { what: 'a priority of 8', frame: broken({ flags: FrameFlag.PRIORITY, priority: 8 }), says: /priority 8/ },
  ],
});

describe('stream frame', () => {
  test('says which flags are set', () => {
    const { body } = streamFrame({ streamId: 0n, offset: 0n, data, fin: true, priority: 0 });
    const frame = body?.value as StreamFrame;
    expect(hasFlag(frame, FrameFlag.FIN)).toBe(true);
    expect(hasFlag(frame, FrameFlag.PRIORITY)).toBe(true);
    expect(hasFlag(frame, FrameFlag.RETRANSMIT)).toBe(false);
    expect(streamFlags({})).toBe(0);
  });

  test('decodes its data as a view, also when the generated code has to decode', () => {
    const hot = streamFrame({ streamId: 4n, offset: 9n, data });
    const cold = streamFrame({ streamId: 4n, offset: 1n << 55n, data });
    for (const frame of [hot, cold]) {
      const packet = withoutPrefix(encodePacket({ packetNumber: 1n, type: PacketType.DATA, frames: [frame] }, crc32));
      const body = decodePacket(packet, crc32).frames[0]?.body;
      const view = (body?.value as StreamFrame).data;
      expect(view).toEqual(data);
      expect(view.buffer).toBe(packet.buffer);
    }
  });

  test('holds the data that it is given, and the encoder copies it', () => {
    const mine = Uint8Array.of(1, 2, 3);
    const frame = streamFrame({ streamId: 4n, offset: 9n, data: mine });
    expect((frame.body?.value as StreamFrame).data).toBe(mine);
    const encoded = encodePacket({ packetNumber: 1n, type: PacketType.DATA, frames: [frame] }, crc32);
    const before = Uint8Array.from(encoded);
    mine.fill(9);
    expect(encoded).toEqual(before);
  });
});

function broken(fields: Partial<StreamFrame>): Frame {
  return { body: { $case: 'stream', value: { streamId: 4n, offset: 0n, flags: 0, priority: 0, data, ...fields } } };
}
