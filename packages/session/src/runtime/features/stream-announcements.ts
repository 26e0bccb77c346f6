import type { KcpBody } from '@kwik/kcp';
import type { PathHealth } from '@kwik/paths';
import { KwikError, streamInitiator, toStreamId, type proto, type StreamId, type StreamInitiator } from '@kwik/wire';
import { intentFromProto, intentToProto } from '../../core/streams/stream-intent.js';
import type { StreamState } from '../../core/streams/stream-state.js';
import type { StreamDirectory } from '../streams/stream-directory.js';
import type { ControlHandlers, Feature } from './feature.js';

/**
 * How long a stream of which only frames came waits for its announcement, besides two round trips: a lost one comes again in
 * one of them, or after the path that carried it is suspected. It never comes when that path died and the stream was over.
 */
const PATIENCE_MS = 1000;

/** A path as streams are announced on it. */
export interface AnnouncingPath {
  readonly data: { readonly toPeer: boolean };
  readonly health: PathHealth;
  readonly rttMs: number;
  send(body: KcpBody): void;
}

interface AnnouncingSession {
  readonly controlPath: AnnouncingPath | undefined;
  readonly streams: Pick<StreamDirectory, 'values' | 'announced' | 'giveOut'>;
}

/**
 * Each end tells the other of the streams that it opens, and in which order, by a message of their own: a stream may carry
 * nothing yet, and frames of several streams come over several paths in any order.
 */
export class StreamAnnouncements implements Feature {
  readonly #session: AnnouncingSession;
  readonly #side: StreamInitiator;

  readonly handlers: ControlHandlers = {
    streamOpened: (_path, { streamId, opening, intent }) => this.#announced(toStreamId(streamId), opening, intent),
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

  onPathHealth(path: AnnouncingPath, changed: 'state' | 'flow'): void {
    if (changed !== 'state' || path.health !== 'suspected' || path === this.#session.controlPath) return;
    if (path.data.toPeer) this.#sayAgain();
  }

  /** Streams of the peer whose order is known by now go to the application. */
  plan(now: number): number | undefined {
    const { controlPath, streams } = this.#session;
    return streams.giveOut(now, PATIENCE_MS + 2 * (controlPath?.rttMs ?? 0));
  }

  #announced(id: StreamId, opening: bigint, intent: proto.StreamIntent | undefined): void {
    if (streamInitiator(id) === this.#side) {
      throw new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', `the peer announces stream ${id}, which is not its own`);
    }
    this.#session.streams.announced(id, opening, intent === undefined ? undefined : intentFromProto(intent));
  }

  /** What was said on a path that is lost, or may be, was perhaps not heard. */
  #sayAgain(): void {
    const path = this.#session.controlPath;
    if (path === undefined) return;
    for (const stream of this.#session.streams.values()) {
      if (streamInitiator(stream.id) === this.#side) path.send(streamOpened(stream));
    }
  }
}

function streamOpened({ id, opening = 0n, priority, receive, openedWith }: StreamState): KcpBody {
  const about = { priority, unidirectional: receive === undefined, metadata: new Map<string, string>() };
  const intent = openedWith === undefined ? undefined : intentToProto(openedWith);
  return { $case: 'streamOpened', value: { streamId: id, opening, ...about, intent } };
}
