import { describe, expect, test } from '@jest/globals';
import type { KcpBody } from '@kwik/kcp';
import { makeStreamId, type StreamId } from '@kwik/wire';
import { connect, LIMITS, planeOf } from '../../test-support/data-link.js';
import { StreamAnnouncements, type AnnouncingPath } from './stream-announcements.js';

/** A client with two streams of its own, one of its peer, and what it says on which path. */
function setUp() {
  const plane = planeOf('client', LIMITS);
  connect(plane, LIMITS);
  const own = [plane.open(false), plane.open(true)];
  plane.handleStreamOpened(makeStreamId(0n, 'server', false));
  const said: string[] = [];
  const pathOf = (name: string, toPeer = true): AnnouncingPath => ({
    data: { toPeer },
    health: 'active',
    rttMs: 30,
    send: (body: KcpBody) => {
      if (body.$case === 'streamOpened') said.push(`${name} ${body.value.streamId} as ${body.value.opening}`);
    },
  });
  const announced: [StreamId, bigint][] = [];
  const patience: number[] = [];
  const streams = {
    values: () => plane.streams.values(),
    announced: (...what: [StreamId, bigint]) => void announced.push(what),
    giveOut: (now: number, patienceMs: number) => (patience.push(patienceMs), now + 5),
  };
  const session = { controlPath: undefined as AnnouncingPath | undefined, streams };
  return { own, said, pathOf, announced, patience, session, feature: new StreamAnnouncements(session, 'client') };
}

describe('the announcement of streams', () => {
  test('goes out as they are opened, and is kept for a peer that is away', () => {
    const { own, said, pathOf, session, feature } = setUp();
    feature.onStreamOpened(own[0]!);
    expect(said).toEqual([]);
    session.controlPath = pathOf('first');
    feature.onPathUp(session.controlPath);
    expect(said.splice(0)).toEqual([`first ${own[0]!.id} as 1`, `first ${own[1]!.id} as 2`]);
    feature.onStreamOpened(own[1]!);
    expect(said).toEqual([`first ${own[1]!.id} as 2`]);
  });

  test('is said again on another path when one is lost, and not for a path to somebody else', () => {
    const { own, said, pathOf, session, feature } = setUp();
    session.controlPath = pathOf('second');
    feature.onPathUp(pathOf('third'));
    feature.onPathDead(pathOf('of a secondary', false));
    expect(said).toEqual([]);
    feature.onPathDead(pathOf('first'));
    expect(said).toEqual(own.map(({ id, opening }) => `second ${id} as ${opening}`));
  });

  test('is said again on another path when one is suspected, which may hold up what was said on it', () => {
    const { own, said, pathOf, session, feature } = setUp();
    session.controlPath = { ...pathOf('second'), health: 'suspected' };
    feature.onPathHealth(session.controlPath, 'state');
    feature.onPathHealth({ ...pathOf('first'), health: 'suspected' }, 'flow');
    feature.onPathHealth({ ...pathOf('of a secondary', false), health: 'suspected' }, 'state');
    feature.onPathHealth(pathOf('first'), 'state');
    expect(said).toEqual([]);
    feature.onPathHealth({ ...pathOf('first'), health: 'suspected' }, 'state');
    expect(said).toEqual(own.map(({ id, opening }) => `second ${id} as ${opening}`));
  });

  test('is waited for longer where a round trip is long', () => {
    const { pathOf, patience, session, feature } = setUp();
    expect(feature.plan(7)).toBe(12);
    session.controlPath = pathOf('first');
    feature.plan(8);
    expect(patience).toEqual([1000, 1060]);
  });

  test('of the peer opens its stream here', () => {
    const { announced, feature } = setUp();
    const about = { priority: 3, unidirectional: false, metadata: new Map<string, string>(), intent: undefined };
    feature.handlers.streamOpened?.(undefined as never, { ...about, streamId: 5n, opening: 4n });
    expect(announced).toEqual([[5n, 4n]]);
    expect(() => feature.handlers.streamOpened?.(undefined as never, { ...about, streamId: 4n, opening: 4n })).toThrow(
      'stream 4, which is not its own',
    );
  });
});
