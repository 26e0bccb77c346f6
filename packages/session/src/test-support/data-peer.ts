import { crc32 } from 'node:zlib';
import { encodePacket, PacketReader, PRIMARY_PATH_ID, proto, streamFrame, toStreamId, type PathId } from '@kwik/wire';
import type { DataEvent } from '../core/data/data-events.js';
import type { DataPlane } from '../core/data/data-plane.js';
import { connect, eventsOf, LIMITS, planeOf, SECONDARY_PATH_ID } from './data-link.js';
import { patternBytes } from './random.js';

export type Role = 'client' | 'primary' | 'secondary';

/** One end alone, to which a test speaks as the peer does. */
export class DataPeer {
  readonly plane: DataPlane;
  #numbers = 0n;

  constructor(role: Role, rest: Parameters<typeof planeOf>[2] = {}) {
    this.plane = planeOf(role, LIMITS, rest);
    connect(this.plane, LIMITS, role === 'secondary' ? SECONDARY_PATH_ID : PRIMARY_PATH_ID);
    if (role === 'client') connect(this.plane, LIMITS, SECONDARY_PATH_ID);
    eventsOf(this.plane);
  }

  say(frames: readonly proto.Frame[], path: PathId = PRIMARY_PATH_ID, now = 0): DataEvent[] {
    const packet = { packetNumber: this.#numbers++, type: proto.PacketType.DATA, frames };
    this.plane.handleChunk(path, 0, encodePacket(packet, crc32), now);
    return eventsOf(this.plane);
  }

  /** The primary lets a secondary write bytes of a stream. */
  grant(streamId: bigint, start: number, end: number, path: PathId = SECONDARY_PATH_ID): void {
    this.plane.writers.grant(toStreamId(streamId), path, [{ start, end }]);
    eventsOf(this.plane);
  }

  /** The frames of the next packet that this end sends. */
  hear(path: PathId = PRIMARY_PATH_ID, maxBytes = 16_384, now = 0): proto.Frame[] {
    const bytes = this.plane.pollPacket(path, maxBytes, now);
    if (bytes === undefined) return [];
    const reader = new PacketReader(crc32);
    reader.push(bytes);
    return reader.next()!.frames;
  }
}

export function data(
  streamId: bigint,
  offset: number,
  bytes: number,
  flags: { fin?: boolean; range?: boolean } = {},
): proto.Frame {
  return streamFrame({ streamId, offset: BigInt(offset), data: patternBytes(bytes, offset), ...flags });
}

export function kinds(frames: readonly proto.Frame[]): (string | undefined)[] {
  return frames.map((frame) => frame.body?.$case);
}
