import type { ControlValues, KcpBody, ReplyTo, RequestKind } from '@kwik/kcp';
import type { PathId, StreamId } from '@kwik/wire';
import type { CloseInfo, RawPacket, ReplicaSource } from '../../api/session.js';
import type { StreamState } from '../../core/streams/stream-state.js';
import type { PathRuntime } from '../paths/path-runtime.js';
import type { ContentStream } from '../streams/stream-host.js';

type Kind = KcpBody['$case'];

/**
 * What is done with the peers' control messages, by kind. Who may send what is checked before (`CONTROL_MESSAGES`). A request
 * is answered with what its handler returns, or resolves with; a promise that rejects is answered with its error. Whatever a
 * handler throws ends the path.
 */
export type ControlHandlers<Path = PathRuntime> = {
  readonly [K in Kind]?: (
    path: Path,
    value: ControlValues[K],
  ) => K extends RequestKind ? ReplyTo<K> | Promise<ReplyTo<K>> : void;
};

/**
 * One thing that a session does, at one end of it: what it answers, and what it wants to know of the session. A session is made
 * with the list of its features; they are called in the order of that list, and each kind of message belongs to one of them.
 */
export interface Feature {
  readonly handlers?: ControlHandlers;
  /** A path carries data from now on; what its peer sent meanwhile is looked at right afterwards. */
  onPathUp?(path: PathRuntime): void;
  /** A path died, and is none of the session's paths any more. `session.lost` ends the session for it. */
  onPathDead?(path: PathRuntime): void;
  /** The only path is silent, and to be given up. True: it is kept while this looks for another way, and falls due again. */
  keepsOverdue?(path: PathRuntime): boolean;
  /** The health of a path changed; `state`: its state as well, which the application hears of. */
  onPathHealth?(path: PathRuntime, changed: 'state' | 'flow'): void;
  /** This end opened a stream. */
  onStreamOpened?(stream: StreamState): void;
  /** A server got a raw packet. */
  onRawPacket?(packet: RawPacket): void;
  /** A path sent bytes of a range of content into a stream. Returns how many of them were wanted. */
  onRange?(pathId: PathId, streamId: StreamId, offset: number, data: Uint8Array, now: number): number;
  /** `sendFrom` of a stream. */
  sendContent?(stream: ContentStream, key: string, source: ReplicaSource, end: boolean): Promise<void>;
  /** Before packets are built; may queue messages. Returns when it is to be called again at the latest, if at all. */
  plan?(now: number): number | undefined;
  /** The session has ended; its paths are dead. */
  onEnd?(info: CloseInfo): void;
}
