import type { KcpBody } from '@kwik/kcp';
import { streamInitiator, toStreamId, type StreamInitiator } from '@kwik/wire';
import type { StreamState } from '../../core/streams/stream-state.js';
import type { StreamDirectory } from '../streams/stream-directory.js';
import type { ControlHandlers, Feature } from './feature.js';

/** A path as streams are announced on it. */
export interface AnnouncingPath {
  readonly data: { readonly toPeer: boolean };
  send(body: KcpBody): void;
}

interface AnnouncingSession {
  readonly controlPath: AnnouncingPath | undefined;
  readonly streams: Pick<StreamDirectory, 'values' | 'announced'>;
}

/** Each end tells the other of the streams that it opens, by a message of their own: a stream may carry nothing yet. */
export class StreamAnnouncements implements Feature {
  readonly #session: AnnouncingSession;
  readonly #side: StreamInitiator;

  readonly handlers: ControlHandlers = {
    streamOpened: (_path, { streamId }) => this.#session.streams.announced(toStreamId(streamId)),
  };

  /** `side`: of the streams that are opened here. */
  constructor(session: AnnouncingSession, side: StreamInitiator) {
    this.#session = session;
    this.#side = side;
  }

  onStreamOpened(stream: StreamState): void {
    this.#session.controlPath?.send(streamOpened(stream));
  }

  onPathUp(path: AnnouncingPath): void {
    if (path === this.#session.controlPath) this.#sayAgain();
  }

  onPathDead({ data }: AnnouncingPath): void {
    if (data.toPeer) this.#sayAgain();
  }

  /** What was said on a path that was lost may not have been heard. */
  #sayAgain(): void {
    const path = this.#session.controlPath;
    if (path === undefined) return;
    for (const stream of this.#session.streams.values()) {
      if (streamInitiator(stream.id) === this.#side) path.send(streamOpened(stream));
    }
  }
}

function streamOpened({ id, priority, receive }: StreamState): KcpBody {
  const value = { streamId: id, priority, unidirectional: receive === undefined, metadata: new Map<string, string>() };
  return { $case: 'streamOpened', value };
}
