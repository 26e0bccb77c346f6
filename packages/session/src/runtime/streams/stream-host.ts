import type { PathId, StreamId } from '@kwik/wire';
import type { ReplicaSource } from '../../api/session.js';
import type { ReadChunk } from '../../core/streams/reassembler.js';
import type { CheckedIntent } from '../../core/streams/stream-intent.js';
import type { StreamState } from '../../core/streams/stream-state.js';

/** A stream into which content is sent. */
export interface ContentStream {
  readonly id: StreamId;
  readonly state: StreamState;
  /** Writes bytes that nobody changes any more, behind what waits. */
  writeOwned(bytes: Uint8Array): Promise<void>;
}

/** What the handle of a stream needs of its session. Whatever it changes of a stream is sent without a further call. */
export interface StreamHost {
  /** The path that writes take by default. */
  readonly pathId: PathId;
  /** The session has ended. */
  readonly over: boolean;
  /** Throws when the session has ended. */
  assertOpen(): void;
  /** Throws when the session has ended or is being closed: it takes nothing new. */
  assertTakes(): void;
  /** The next bytes of the stream, if there are any. */
  read(stream: StreamState): ReadChunk | undefined;
  /** The stream has bytes to send, or ends. */
  markReady(stream: StreamState): void;
  setPriority(stream: StreamState, priority: number): void;
  setIntent(stream: StreamState, intent: CheckedIntent): void;
  /** The reader has seen the end of the stream. */
  retireIfDone(stream: StreamState): void;
  resetStream(stream: StreamState, code: number): void;
  stopSending(stream: StreamState, code: number): void;
  /** Sends content from all servers that have it; rejects at ends that are no primary. `end`: nothing comes behind it. */
  sendContent(stream: ContentStream, key: string, source: ReplicaSource, end: boolean): Promise<void>;
  /** Nothing is read of it any more. `source`: as it was handed over, which may be none at all. */
  closeSource(source: Pick<ReplicaSource, 'close'> | null | undefined): void;
}
