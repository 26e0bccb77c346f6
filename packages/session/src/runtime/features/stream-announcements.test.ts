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
    send: (body: KcpBody) => {
      if (body.$case === 'streamOpened') said.push(`${name} ${body.value.streamId}`);
    },
  });
  const announced: StreamId[] = [];
  const streams = { values: () => plane.streams.values(), announced: (id: StreamId) => void announced.push(id) };
  const session = { controlPath: undefined as AnnouncingPath | undefined, streams };
  return { own, said, pathOf, announced, session, feature: new StreamAnnouncements(session, 'client') };
}

describe('the announcement of streams', () => {
  test('goes out as they are opened, and is kept for a peer that is away', () => {
    const { own, said, pathOf, session, feature } = setUp();
    feature.onStreamOpened(own[0]!);
    expect(said).toEqual([]);
    session.controlPath = pathOf('first');
    feature.onPathUp(session.controlPath);
    expect(said.splice(0)).toEqual(own.map(({ id }) => `first ${id}`));
    feature.onStreamOpened(own[1]!);
    expect(said).toEqual([`first ${own[1]!.id}`]);
  });

  test('is said again on another path when one is lost, and not for a path to somebody else', () => {
    const { own, said, pathOf, session, feature } = setUp();
    session.controlPath = pathOf('second');
    feature.onPathUp(pathOf('third'));
    feature.onPathDead(pathOf('of a secondary', false));
    expect(said).toEqual([]);
    feature.onPathDead(pathOf('first'));
    expect(said).toEqual(own.map(({ id }) => `second ${id}`));
  });

  test('of the peer opens its stream here', () => {
    const { announced, feature } = setUp();
    const opened = { streamId: 4n, priority: 3, unidirectional: false, metadata: new Map<string, string>() };
    feature.handlers.streamOpened?.(undefined as never, opened);
    expect(announced).toEqual([4n]);
  });
});
