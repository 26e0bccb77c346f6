import { expect, test } from '@jest/globals';
import type { ClientLimits } from './api/options.js';
import { resolveLimits, toProtoLimits } from './limits.js';

const LIMITS: Required<ClientLimits> = {
  streamWindowBytes: 1_000_001,
  pathWindowBytes: 2_000_002,
  sendBufferBytes: 3,
  maxStreams: 4,
  maxPaths: 5,
  maxRawPacketBytes: 6,
  packetsPerKey: 1_000_000,
  rawPacketsPerSecond: 7,
  rawBytesPerSecond: 8,
  commandedDialsPerMinute: 9,
  failedCommandedDials: 10,
};

test('each limit is what was given', () => {
  expect(resolveLimits(LIMITS)).toEqual(LIMITS);
});

test('the peer hears those that it has to keep', () => {
  expect(toProtoLimits(resolveLimits(LIMITS), 11)).toMatchObject({
    maxSessionDataBytes: 2_000_002n,
    maxBidiStreams: 4,
    maxUniStreams: 4,
    maxPaths: 5,
    maxRawPacketBytes: 6,
    idleTimeoutMs: 11,
  });
});

test.each([
  [{ streamWindowBytes: 100 }, 'limits.streamWindowBytes is 100; the least is'],
  [{ streamWindowBytes: 1_000_000, pathWindowBytes: 500_000 }, 'limits.pathWindowBytes (500000) must not be below'],
  [{ maxRawPacketBytes: 61_441 }, 'limits.maxRawPacketBytes goes up to 61440'],
])('%p is refused, for nothing could be sent', (limits, words) => {
  expect(() => resolveLimits(limits)).toThrow(words);
});

test.each([0, 127, 2 ** 23 + 1])('%d packets under a key are too few or too many', (packetsPerKey) => {
  expect(() => resolveLimits({ packetsPerKey })).toThrow(
    `limits.packetsPerKey is ${packetsPerKey}; it goes from 128 to 8388608`,
  );
});
