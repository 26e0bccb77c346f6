import { describe, expect, test } from '@jest/globals';
import { makeStreamId, pingFrame, PRIMARY_PATH_ID, streamFrame, toPathId } from '@kwik/wire';
import { connect, LIMITS } from '../../test-support/data-link.js';
import { DataPeer } from '../../test-support/data-peer.js';
import { patternBytes } from '../../test-support/random.js';

const SECOND = toPathId(1);
const THIRD = toPathId(2);
const RTT_MS = 20;
const FOR_MS = 1000;

/** A primary with three paths, whose round trips are known. */
function primary(): DataPeer {
  const peer = new DataPeer('primary');
  for (const id of [SECOND, THIRD]) connect(peer.plane, LIMITS, id);
  for (const id of [PRIMARY_PATH_ID, SECOND, THIRD]) peer.plane.path(id)!.rtt.sample(RTT_MS, 0, 0);
  return peer;
}

const stream = makeStreamId(0n, 'client', false);
/** A byte that had not come, as what was sent before on another path. */
const again = (offset: number) =>
  streamFrame({ streamId: stream, offset: BigInt(offset), data: patternBytes(1, offset), retransmit: true });

describe('a peer that calls all that it sends a copy', () => {
  test.each([
    { everyMs: Infinity, most: 1 },
    { everyMs: 1, most: 1 },
    { everyMs: RTT_MS + 5, most: FOR_MS / RTT_MS },
  ])(
    'has each path asked once a round trip at the most, when it speaks there every $everyMs ms',
    ({ everyMs, most }) => {
      const peer = primary();
      const asked = new Map([PRIMARY_PATH_ID, THIRD].map((id) => [id, 0]));
      for (let now = 1; now <= FOR_MS; now++) {
        for (const event of peer.say([again(2 * now), again(2 * now + 1)], SECOND, now)) {
          if (event.kind === 'doubtful') asked.set(event.pathId, asked.get(event.pathId)! + 1);
        }
        for (const id of asked.keys())
          if (now % everyMs === 0) peer.say([pingFrame({ sequence: BigInt(now) })], id, now);
      }
      for (const times of asked.values()) {
        expect(times).toBeGreaterThanOrEqual(1);
        expect(times).toBeLessThanOrEqual(most);
      }
    },
  );

  test('keeps no path from what is to be sent: the doubtful ones take it while no other is there', () => {
    const peer = primary();
    peer.say([again(0)], SECOND, 100);
    const { plane } = peer;
    const answer = plane.streams.get(stream)!;
    answer.send!.write(patternBytes(100));
    plane.markReady(answer);
    expect(plane.pollPacket(THIRD, 2000, 100)).toBeUndefined();
    plane.setHealth(SECOND, 'suspected', 100);
    expect(plane.pollPacket(THIRD, 2000, 100)).toBeDefined();
  });
});

test('a peer that falls silent again and again gets each piece once on each other path at the most', () => {
  const { plane } = primary();
  const owed = plane.open(true);
  owed.send!.write(patternBytes(10_000));
  plane.markReady(owed);
  expect(plane.pollPacket(PRIMARY_PATH_ID, 20_000, 0)).toBeDefined();
  for (let round = 1; round <= 50; round++) {
    const now = 100 * round;
    plane.setHealth(PRIMARY_PATH_ID, 'suspected', now);
    for (const id of [SECOND, THIRD]) while (plane.pollPacket(id, 20_000, now, 'copies') !== undefined);
    plane.setHealth(PRIMARY_PATH_ID, 'active', now + 50);
    for (const id of [SECOND, THIRD]) plane.path(id)!.lastPacketMs = now + 60;
  }
  expect(plane.copiedBytes).toBe(20_000);
});
