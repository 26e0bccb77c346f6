import type { KcpBody } from '@kwik/kcp';
import { streamInitiator, toStreamId, type StreamInitiator } from '@kwik/wire';
import type { StreamState } from '../../core/streams/stream-state.js';
import type { Feature } from './feature.js';
import type { SessionContext } from './session-context.js';

/**
 * Each end tells the other of the streams that it opens, by a message of their own: a stream may carry nothing yet. `side`: of
 * the streams opened here.
 */
export function streamAnnouncements(session: SessionContext, side: StreamInitiator): Feature {
  /** What was said on a path that was lost may not have been heard. */
  const announceAgain = (): void => {
    const path = session.controlPath;
    if (path === undefined) return;
    for (const stream of session.streams.values()) {
      if (streamInitiator(stream.id) === side) path.send(streamOpened(stream));
    }
  };
  return {
    handlers: { streamOpened: (_path, { streamId }) => session.streams.announced(toStreamId(streamId)) },
    onStreamOpened: (stream) => session.controlPath?.send(streamOpened(stream)),
    onPathUp: (path) => {
      if (session.controlPath === path) announceAgain();
    },
    onPathDead: (path) => {
      if (path.data.toPeer) announceAgain();
    },
  };
}

function streamOpened({ id, priority, receive }: StreamState): KcpBody {
  const value = { streamId: id, priority, unidirectional: receive === undefined, metadata: new Map<string, string>() };
  return { $case: 'streamOpened', value };
}
