import { crc32 } from 'node:zlib';
import { MAX_PACKET_BYTES, PacketReader, type OffsetMap } from '@kwik/wire';
import type { RealStart } from './real-stream-pool.js';

/**
 * Remembers in `map` where each piece of a logical stream lies in the real stream that carries it (K13.5). Reads the
 * packet as a receiver would, so it costs as much: for diagnosis only. Compressed packets have no such places.
 */
export function recordOffsets(map: OffsetMap, packet: Uint8Array, { realStreamId, quicOffset }: RealStart): void {
  const reader = new PacketReader(crc32, { maxPacketBytes: MAX_PACKET_BYTES });
  reader.push(packet);
  for (const { body } of reader.next()?.frames ?? []) {
    if (body?.$case !== 'stream' || body.value.data.buffer !== packet.buffer) continue;
    const { streamId, offset, data } = body.value;
    const at = BigInt(data.byteOffset - packet.byteOffset);
    map.record({ streamId, offset, length: data.length, realStreamId, quicOffset: quicOffset + at });
  }
}
