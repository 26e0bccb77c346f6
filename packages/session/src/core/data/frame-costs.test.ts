import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { crc32, deflateRawSync } from 'node:zlib';
import { encodePacket, maxStreamsFrame, PRIMARY_PATH_ID, proto, windowUpdateFrame } from '@kwik/wire';
import { DataPeer, kinds } from '../../test-support/data-peer.js';
import { connect, eventsOf, LIMITS, planeOf } from '../../test-support/data-link.js';
import { StreamPicker } from '../streams/stream-picker.js';

afterEach(() => {
  jest.restoreAllMocks();
});

describe('what a frame of a few bytes costs its receiver', () => {
  it('a window of a path that opens is no reason to look at every stream', () => {
    const peer = new DataPeer('primary');
    for (let opened = 0; opened < LIMITS.maxStreams; opened++) peer.plane.open(false);
    const added = jest.spyOn(StreamPicker.prototype, 'add');
    peer.say(Array.from({ length: 200 }, (_, step) => windowUpdateFrame({ maxOffset: BigInt(1e6 + step) })));
    expect(added).not.toHaveBeenCalled();
  });

  it('and yet streams that this window held back go on', () => {
    const plane = planeOf('primary', LIMITS);
    connect(plane, { ...LIMITS, pathWindowBytes: 50_000 });
    for (let opened = 0; opened < 3; opened++) {
      const stream = plane.open(false);
      stream.send!.write(new Uint8Array(20_000));
      plane.markReady(stream);
    }
    const sentBytes = (): number => {
      while (plane.pollPacket(PRIMARY_PATH_ID, 16_384, 0) !== undefined);
      return plane.path(PRIMARY_PATH_ID)!.sentBytes;
    };
    expect(sentBytes()).toBe(50_000);
    const frames = [windowUpdateFrame({ maxOffset: 60_000n })];
    const update = encodePacket({ packetNumber: 0n, type: proto.PacketType.CONTROL, frames }, crc32);
    plane.handleChunk(PRIMARY_PATH_ID, 0, update, 0);
    expect(sentBytes()).toBe(60_000);
  });

  it('credit for streams that was given before wakes nobody', () => {
    const peer = new DataPeer('primary');
    const again = maxStreamsFrame({ unidirectional: false, maxStreams: BigInt(LIMITS.maxStreams) });
    expect(peer.say(Array.from({ length: 200 }, () => again))).toEqual([]);
    expect(peer.say([maxStreamsFrame({ unidirectional: false, maxStreams: 100n })])).toEqual([{ kind: 'credit' }]);
  });

  it('questions that come in one packet get one answer', () => {
    const peer = new DataPeer('primary');
    const questions = Array.from({ length: 200 }, (_, sequence) => ping(sequence));
    peer.say(questions);
    expect(kinds(peer.hear()).filter((kind) => kind === 'ping')).toHaveLength(1);
  });

  it('a compressed packet ends the path where compression was not agreed, whatever it holds', () => {
    const peer = new DataPeer('primary');
    const compression = { algorithm: proto.CompressionAlgorithm.DEFLATE, originalBytes: 60_000 };
    const compressedFrames = deflateRawSync(new Uint8Array(60_000));
    const packet = encodePacket(
      {
        packetNumber: 0n,
        type: proto.PacketType.DATA,
        frames: [],
        compression,
        compressedFrames,
      },
      crc32,
    );
    peer.plane.handleChunk(PRIMARY_PATH_ID, 0, packet, 0);
    const [event] = eventsOf(peer.plane);
    expect(event).toMatchObject({ kind: 'violation', error: { code: 'ERR_KWIK_UNSUPPORTED' } });
  });
});

function ping(sequence: number): proto.Frame {
  return { body: { $case: 'ping', value: { sequence: BigInt(sequence), reply: false } } };
}
