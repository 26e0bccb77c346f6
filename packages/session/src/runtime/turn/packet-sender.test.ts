import { crc32 } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { PacketReader, PRIMARY_PATH_ID, toPathId, type PathId, type proto, type Scheduler } from '@kwik/wire';
import { connect, LIMITS, planeOf } from '../../test-support/data-link.js';
import { patternBytes } from '../../test-support/random.js';
import type { DataPlane } from '../../core/data/data-plane.js';
import { PacketSender, type SendingPath } from './packet-sender.js';

const NOTHING_SENT = { sentPackets: 0, lostPackets: 0, sentBytes: 0, receivedBytes: 0 };
const STATS = {
  rttMs: 20,
  rttVarMs: 1,
  minRttMs: 20,
  cwndBytes: 100_000,
  bytesInFlight: 0,
  unsentBytes: 0,
  ...NOTHING_SENT,
};

/** A path that takes whatever it is given. */
function openPath(plane: DataPlane, id: PathId, written: proto.Packet[]): SendingPath {
  const pool = {
    backlogged: false,
    resize: () => undefined,
    write: (bytes: Uint8Array) => {
      const reader = new PacketReader(crc32);
      reader.push(bytes);
      written.push(reader.next()!);
      return { realStreamId: 0, quicOffset: 0n };
    },
  };
  return {
    id,
    primary: true,
    alive: true,
    weight: 1,
    lossRate: 0,
    data: plane.path(id)!,
    offsets: undefined,
    port: { control: undefined, pool, transport: { sendableBytes: () => 20_000 } },
    sampleStats: () => ({ ...STATS, deliveryRateBytesPerSecond: 1_000_000, datagramBytes: 1350 }),
    onPacketSent: () => undefined,
    die: (error) => {
      throw error;
    },
  };
}

/** All that waits, over the first path. */
const GREEDY: Scheduler = {
  name: 'greedy',
  select: ({ pendingBytes }, paths) => ({
    kind: 'send',
    pathId: paths[0]!.id,
    maxBytes: pendingBytes,
    duplicates: [],
  }),
};

describe('writes that are spread over paths', () => {
  it('a message goes in one packet: the frame around it is not taken from what the scheduler allows', () => {
    const plane = planeOf('primary', LIMITS);
    const written: proto.Packet[] = [];
    const paths = new Map<PathId, SendingPath>();
    for (const id of [PRIMARY_PATH_ID, toPathId(1)]) {
      connect(plane, LIMITS, id);
      paths.set(id, openPath(plane, id, written));
    }
    const stream = plane.open(true);
    stream.send!.write(patternBytes(1000));
    plane.markReady(stream);
    new PacketSender(plane, paths, { routing: 'distributed', scheduler: GREEDY }).run(0);
    const data = written.flatMap(({ frames }) =>
      frames.flatMap(({ body }) => (body?.$case === 'stream' ? [body.value] : [])),
    );
    expect(data.map((frame) => frame.data.length)).toEqual([1000]);
  });
});
