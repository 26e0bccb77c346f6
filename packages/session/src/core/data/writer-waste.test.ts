import { beforeEach, describe, expect, it } from '@jest/globals';
import type { proto } from '@kwik/wire';
import { PRIMARY_PATH_ID, toPathId, toStreamId, type PathId } from '@kwik/wire';
import { data, DataPeer } from '../../test-support/data-peer.js';
import { connect, eventsOf, LIMITS, SECONDARY_PATH_ID } from '../../test-support/data-link.js';
import { MemoryLedger, PIECE_OVERHEAD_BYTES, type MemoryAccount } from '../costs/memory-ledger.js';
import type { DataEvent } from './data-events.js';

/** So many pieces of one byte may wait that no bytes explain. */
const FREE_PIECES = 200;
const STREAM = 1n;
const OTHER_STREAM = 5n;
const THIRD_PATH_ID = toPathId(2);
const HALF = 50_000;

/** Single bytes with holes between them, from an offset on. */
function holes(streamId: bigint, from: number, count: number): proto.Frame[] {
  return Array.from({ length: count }, (_, index) => data(streamId, from + 1 + 2 * index, 1));
}

describe('WriterWaste', () => {
  let account: MemoryAccount;
  let peer: DataPeer;
  let ended: string[];

  beforeEach(() => {
    const ledger = new MemoryLedger({ freeOverheadBytes: FREE_PIECES * PIECE_OVERHEAD_BYTES });
    ended = [];
    account = ledger.open(
      ({ code }) => ended.push(code),
      (error) => peer.plane.waste.relieve(error),
    );
    peer = new DataPeer('client', { account });
    connect(peer.plane, LIMITS, THIRD_PATH_ID);
    eventsOf(peer.plane);
  });

  /** In packets of as many frames as fit; the events of all of them. */
  const say = (frames: readonly proto.Frame[], path?: PathId): DataEvent[] => {
    const events: DataEvent[] = [];
    for (let at = 0; at < frames.length; at += 200) events.push(...peer.say(frames.slice(at, at + 200), path));
    return events;
  };
  const violations = (events: readonly DataEvent[]): [PathId, string][] =>
    events.flatMap((event) => (event.kind === 'violation' ? [[event.pathId, event.error.code]] : []));
  const failed = (events: readonly DataEvent[]): bigint[] =>
    events.flatMap((event) => (event.kind === 'failed' ? [event.streamId] : []));

  it('ends the path of a secondary that sends single bytes with holes, and its streams; all others go on', () => {
    peer.grant(STREAM, 0, HALF);
    peer.grant(OTHER_STREAM, 0, HALF, THIRD_PATH_ID);
    say(holes(OTHER_STREAM, 0, 20), THIRD_PATH_ID);
    const { overheadBytes } = account;
    const events = say(holes(STREAM, 0, FREE_PIECES + 50), SECONDARY_PATH_ID);
    expect(violations(events)).toEqual([[SECONDARY_PATH_ID, 'ERR_KWIK_EXCESSIVE_LOAD']]);
    expect(failed(events)).toEqual([STREAM]);
    expect([ended, account.overheadBytes, account.heldBytes]).toEqual([[], overheadBytes, 20]);
    // What it still sends counts for nothing.
    expect(say(holes(STREAM, 1000, 50), SECONDARY_PATH_ID)).toEqual([]);
    expect(account.heldBytes).toBe(20);
    expect(violations(say([data(STREAM, HALF, 1000)]))).toEqual([]);
    expect(peer.plane.streams.get(toStreamId(STREAM))!.receive!.bufferedBytes).toBe(1000);
  });

  it('blames who wastes most, not whose piece was one too many', () => {
    peer.grant(STREAM, 0, HALF);
    peer.grant(OTHER_STREAM, 0, HALF, THIRD_PATH_ID);
    say(holes(STREAM, 0, FREE_PIECES - 20), SECONDARY_PATH_ID);
    const events = say(holes(OTHER_STREAM, 0, 40), THIRD_PATH_ID);
    expect(violations(events)).toEqual([[SECONDARY_PATH_ID, 'ERR_KWIK_EXCESSIVE_LOAD']]);
    expect([ended, account.heldBytes]).toEqual([[], 40]);
  });

  it('takes each secondary in turn that wastes more than the primary', () => {
    peer.grant(STREAM, 0, HALF);
    peer.grant(OTHER_STREAM, 0, HALF, THIRD_PATH_ID);
    const first = say(holes(STREAM, 0, 2 * FREE_PIECES), SECONDARY_PATH_ID);
    const second = say(holes(OTHER_STREAM, 0, 2 * FREE_PIECES), THIRD_PATH_ID);
    expect([...violations(first), ...violations(second)].map(([path]) => path)).toEqual([
      SECONDARY_PATH_ID,
      THIRD_PATH_ID,
    ]);
    expect([ended, account.heldBytes]).toEqual([[], 0]);
  });

  it('lets go of what a secondary brought whose path is gone already', () => {
    peer.grant(STREAM, 0, HALF);
    say(holes(STREAM, 0, FREE_PIECES - 20), SECONDARY_PATH_ID);
    peer.plane.removePath(SECONDARY_PATH_ID);
    const events = say(holes(STREAM, HALF, 40));
    expect([violations(events), failed(events), ended]).toEqual([[], [STREAM], []]);
    expect(account.heldBytes).toBe(40);
  });

  it('ends the session when the primary wastes more than any secondary', () => {
    peer.grant(STREAM, 0, HALF);
    say(holes(STREAM, 0, 80), SECONDARY_PATH_ID);
    expect(ended).toEqual([]);
    const events = say(holes(STREAM, HALF, FREE_PIECES - 70));
    expect(ended).toEqual(['ERR_KWIK_EXCESSIVE_LOAD']);
    expect(violations(events).map(([path]) => path)).toEqual([PRIMARY_PATH_ID]);
  });

  it('does not blame a secondary whose pieces are large: they explain themselves', () => {
    peer.grant(STREAM, 0, HALF);
    // A gap at the beginning, and much behind it.
    say(
      Array.from({ length: 40 }, (_, index) => data(STREAM, 1 + 1000 * index, 999)),
      SECONDARY_PATH_ID,
    );
    const pieces = FREE_PIECES + Math.floor((40 * 999) / PIECE_OVERHEAD_BYTES) + 40;
    say(holes(OTHER_STREAM, 0, pieces));
    expect(ended).toEqual(['ERR_KWIK_EXCESSIVE_LOAD']);
  });
});
