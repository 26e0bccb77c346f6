import { describe, expect, test } from '@jest/globals';
import { errorCodeFromNumber, proto, toPathId, type PathId } from '@kwik/wire';
import { RawRelay, type RelayPath } from './raw-relay.js';

const LIMITS = { maxRawPacketBytes: 1000, rawPacketsPerSecond: 10, rawBytesPerSecond: 3000, wallClockMs: () => 0 };

class FakePath implements RelayPath {
  readonly id: PathId;
  readonly frames: proto.Frame[] = [];
  readonly data = {
    pendingFrameCount: 0,
    queueFrame: (_key: string, frame: proto.Frame): void => void this.frames.push(frame),
  };

  constructor(
    id: number,
    readonly capabilities: readonly proto.Capability[],
    readonly primary = false,
  ) {
    this.id = toPathId(id);
  }
}

class World {
  nowMs = 0;
  readonly primary = new FakePath(0, [], true);
  readonly first = new FakePath(1, [proto.Capability.RAW]);
  readonly second = new FakePath(2, []);
  readonly third = new FakePath(3, [proto.Capability.RAW]);
  readonly relay = new RawRelay(
    {
      clock: { now: () => this.nowMs, schedule: () => ({ cancel: () => undefined }) },
      paths: { get: () => undefined, info: () => undefined, machine: () => undefined },
    },
    LIMITS,
  );

  /** What became of a packet of so many bytes. */
  send(from: FakePath, to: FakePath, bytes: number, nowMs = 0): string {
    this.nowMs = nowMs;
    const answer = this.relay.relay(from, to, { pathId: to.id, data: new Uint8Array(bytes), sequence: 0n });
    return answer.$case === 'error' ? errorCodeFromNumber(answer.value.code) : answer.$case;
  }
}

describe('RawRelay', () => {
  test('carries packets between the primary and those who may, numbered in order', () => {
    const world = new World();
    const { primary, first } = world;
    expect(world.send(primary, first, 5)).toBe('rawPacketResult');
    expect(world.send(first, primary, 6)).toBe('rawPacketResult');
    expect(first.frames).toMatchObject([{ body: { $case: 'raw', value: { sequence: 0n } } }]);
    expect(primary.frames).toMatchObject([{ body: { $case: 'raw', value: { sequence: 1n } } }]);
  });

  test('a path without the capability gets none and sends none', () => {
    const world = new World();
    const { primary, first, second } = world;
    expect(world.send(primary, second, 5)).toBe('ERR_KWIK_PERMISSION_DENIED');
    expect(world.send(second, primary, 5)).toBe('ERR_KWIK_PERMISSION_DENIED');
    expect(world.send(second, first, 5)).toBe('ERR_KWIK_PERMISSION_DENIED');
    expect([primary, first, second].flatMap(({ frames }) => frames)).toEqual([]);
  });

  test('size, and what may wait, are bounded', () => {
    const world = new World();
    const { primary, first } = world;
    expect(world.send(primary, first, 1001)).toBe('ERR_KWIK_PACKET_TOO_LARGE');
    first.data.pendingFrameCount = 256;
    expect(world.send(primary, first, 5)).toBe('ERR_KWIK_LIMIT_EXCEEDED');
    expect(first.frames).toEqual([]);
  });

  test.each([
    ['packets', 1, 10],
    ['bytes', 1000, 3],
  ])('a quota of %s for each path, which comes back with time', (_what, bytes, room) => {
    const world = new World();
    const { primary, first, third } = world;
    const burst = (to: FakePath, now: number): number => {
      let sent = 0;
      while (world.send(primary, to, bytes, now) === 'rawPacketResult') sent++;
      return sent;
    };
    expect(burst(first, 0)).toBe(room);
    // Another path has its own.
    expect(burst(third, 0)).toBe(room);
    expect(world.send(primary, first, bytes, 50)).toBe('ERR_KWIK_LIMIT_EXCEEDED');
    // However long it was unused, no more than a second's worth has come together.
    expect(burst(first, 500)).toBe(Math.floor(room / 2));
    expect(burst(first, 3_600_000)).toBe(room);
    // A clock that goes back gives nothing.
    expect(burst(first, 0)).toBe(0);
  });
});
