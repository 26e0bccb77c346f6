import { describe, expect, test } from '@jest/globals';
import { errorCodeFromNumber, toPathId, type proto } from '@kwik/wire';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';
import { RawRelay } from './raw-relay.js';

const LIMITS = { maxRawPacketBytes: 1000, rawPacketsPerSecond: 10, rawBytesPerSecond: 3000 };

/** What the relay needs of a path. */
class FakePath {
  readonly frames: proto.Frame[] = [];
  readonly data = {
    pendingFrameCount: 0,
    queueFrame: (_key: string, frame: proto.Frame): void => void this.frames.push(frame),
  };

  constructor(
    readonly id: number,
    readonly primary = false,
  ) {}

  get path(): PathRuntime {
    return this as unknown as PathRuntime;
  }
}

/** What became of a packet of so many bytes. */
function send(relay: RawRelay, from: FakePath, to: FakePath, bytes: number, now = 0): string {
  const command = { pathId: to.id, data: new Uint8Array(bytes), sequence: 0n };
  const answer = relay.relay(from.path, to.path, command, now);
  return answer.$case === 'error' ? errorCodeFromNumber(answer.value.code) : answer.$case;
}

function setUp() {
  const relay = new RawRelay(LIMITS);
  const paths = { primary: new FakePath(0, true), first: new FakePath(1), second: new FakePath(2) };
  relay.permit(toPathId(1));
  return { relay, ...paths };
}

describe('RawRelay', () => {
  test('carries packets between the primary and those who may, numbered in order', () => {
    const { relay, primary, first } = setUp();
    expect(send(relay, primary, first, 5)).toBe('rawPacketResult');
    expect(send(relay, first, primary, 6)).toBe('rawPacketResult');
    expect(first.frames).toMatchObject([{ body: { $case: 'raw', value: { sequence: 0n } } }]);
    expect(primary.frames).toMatchObject([{ body: { $case: 'raw', value: { sequence: 1n } } }]);
  });

  test('a path without the capability gets none and sends none, nor one that is forgotten', () => {
    const { relay, primary, first, second } = setUp();
    expect(send(relay, primary, second, 5)).toBe('ERR_KWIK_PERMISSION_DENIED');
    expect(send(relay, second, primary, 5)).toBe('ERR_KWIK_PERMISSION_DENIED');
    expect(send(relay, second, first, 5)).toBe('ERR_KWIK_PERMISSION_DENIED');
    relay.forget(toPathId(1));
    expect(send(relay, primary, first, 5)).toBe('ERR_KWIK_PERMISSION_DENIED');
    expect([primary, first, second].flatMap(({ frames }) => frames)).toEqual([]);
  });

  test('size, and what may wait, are bounded', () => {
    const { relay, primary, first } = setUp();
    expect(send(relay, primary, first, 1001)).toBe('ERR_KWIK_PACKET_TOO_LARGE');
    first.data.pendingFrameCount = 256;
    expect(send(relay, primary, first, 5)).toBe('ERR_KWIK_LIMIT_EXCEEDED');
    expect(first.frames).toEqual([]);
  });

  test.each([
    ['packets', 1, 10],
    ['bytes', 1000, 3],
  ])('a quota of %s for each path, which comes back with time', (_what, bytes, room) => {
    const { relay, primary, first } = setUp();
    relay.permit(toPathId(2));
    const second = new FakePath(2);
    const burst = (to: FakePath, now: number): number => {
      let sent = 0;
      while (send(relay, primary, to, bytes, now) === 'rawPacketResult') sent++;
      return sent;
    };
    expect(burst(first, 0)).toBe(room);
    // Another path has its own.
    expect(burst(second, 0)).toBe(room);
    expect(send(relay, primary, first, bytes, 50)).toBe('ERR_KWIK_LIMIT_EXCEEDED');
    // However long it was unused, no more than a second's worth has come together.
    expect(burst(first, 500)).toBe(Math.floor(room / 2));
    expect(burst(first, 3_600_000)).toBe(room);
    // A clock that goes back gives nothing.
    expect(burst(first, 0)).toBe(0);
  });
});
