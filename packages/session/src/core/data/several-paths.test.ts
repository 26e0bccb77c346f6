import { crc32 } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { PacketReader, PRIMARY_PATH_ID, toPathId, type proto } from '@kwik/wire';
import { connect, LIMITS, planeOf } from '../../test-support/data-link.js';
import { patternBytes } from '../../test-support/random.js';
import type { DataPlane } from './data-plane.js';

const SECOND = toPathId(1);

/** A primary with two paths to its client. */
function twoPaths() {
  const server = planeOf('primary', LIMITS);
  const client = planeOf('client', LIMITS);
  for (const id of [PRIMARY_PATH_ID, SECOND]) {
    connect(server, LIMITS, id);
    client.addPath(id, {
      maxBidiStreams: LIMITS.maxStreams,
      maxUniStreams: LIMITS.maxStreams,
      streamWindowBytes: LIMITS.streamWindowBytes,
      pathWindowBytes: LIMITS.pathWindowBytes,
      primary: true,
    });
  }
  return { server, client };
}

function write(plane: DataPlane, bytes: number) {
  const stream = plane.open(true);
  stream.send!.write(patternBytes(bytes));
  plane.markReady(stream);
  return stream;
}

function read(bytes: Uint8Array): proto.Packet {
  const reader = new PacketReader(crc32);
  reader.push(bytes);
  return reader.next()!;
}

describe('DataPlane: several paths', () => {
  it('numbers the packets of each path from 0 (K8.3)', () => {
    const { server } = twoPaths();
    write(server, 20_000);
    const numbers = [PRIMARY_PATH_ID, PRIMARY_PATH_ID, SECOND, PRIMARY_PATH_ID, SECOND].map(
      (id) => read(server.pollPacket(id, 1500, 0)!).packetNumber,
    );
    expect(numbers).toEqual([0n, 1n, 0n, 2n, 1n]);
  });

  it('takes an acknowledgement for the path that it came for, whatever numbers the others have in use (K11.5)', () => {
    const { server, client } = twoPaths();
    write(server, 20_000);
    const packets = [PRIMARY_PATH_ID, SECOND].map((id) => server.pollPacket(id, 1500, 0)!);
    // Only the second arrives; both have the number 0.
    client.handleChunk(SECOND, 0, packets[1]!, 1);
    const due = client.nextTimeoutMs()!;
    expect(client.pollPacket(PRIMARY_PATH_ID, 0, due)).toBeUndefined();
    server.handleChunk(SECOND, 0, client.pollPacket(SECOND, 0, due)!, due);
    expect(server.path(SECOND)!.sent.oldest()).toBeUndefined();
    expect(server.path(PRIMARY_PATH_ID)!.sent.oldest()).toMatchObject({ pn: 0n });
    // Its window alone is free again.
    expect(server.path(SECOND)!.window.inFlightBytes).toBe(0);
  });

  it('gives nothing to a path that is gone, and what it owed to the one that is left (K10.3, K10.4)', () => {
    const { server } = twoPaths();
    const before = write(server, 1000);
    const lost = read(server.pollPacket(PRIMARY_PATH_ID, 1500, 0)!);
    server.removePath(PRIMARY_PATH_ID);
    const after = write(server, 500);
    expect(server.path(PRIMARY_PATH_ID)).toBeUndefined();
    expect(server.pollPacket(PRIMARY_PATH_ID, 1500, 1)).toBeUndefined();
    expect(server.defaultPath).toBe(server.path(SECOND));
    const streams = new Set<bigint>();
    for (let packet; (packet = server.pollPacket(SECOND, 1500, 1)) !== undefined; ) {
      for (const { body } of read(packet).frames) if (body?.$case === 'stream') streams.add(body.value.streamId);
    }
    expect(lost.frames).toHaveLength(1);
    expect(streams).toEqual(new Set([before.id, after.id]));
  });
});
