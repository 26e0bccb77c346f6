import type { KwikError, PathId, StreamId } from '@kwik/wire';
import type { StreamState } from '../streams/stream-state.js';

/** What the data plane tells its runtime; each names a stream whose state changed, so repeating one does no harm. */
export type DataEvent =
  /** The peer opened a stream; it may be over already. `accept` it when the application has it. */
  | { readonly kind: 'opened'; readonly stream: StreamState }
  /** Both halves of a stream are over, and it is forgotten. */
  | { readonly kind: 'gone'; readonly streamId: StreamId }
  /** There is something to read: bytes, the end, or a reset. */
  | { readonly kind: 'readable'; readonly streamId: StreamId }
  /** The send buffer has room again, or the peer stopped reading. */
  | { readonly kind: 'writable'; readonly streamId: StreamId }
  /** Everything written so far has been acknowledged. */
  | { readonly kind: 'flushed'; readonly streamId: StreamId }
  /** What was read of the stream cannot be trusted: its reader is told. */
  | { readonly kind: 'failed'; readonly streamId: StreamId; readonly error: KwikError }
  /** The peer allows more streams. */
  | { readonly kind: 'credit' }
  /** A datagram came, for the first time. */
  | { readonly kind: 'datagram'; readonly data: Uint8Array }
  /** A raw packet came. */
  | {
      readonly kind: 'raw';
      readonly pathId: PathId;
      readonly data: Uint8Array;
      /** Whose it is, as the client says: the path of its server, 0 for the primary. */
      readonly from: PathId | undefined;
    }
  /** Nobody knows whether the path is well: ask. */
  | { readonly kind: 'doubtful'; readonly pathId: PathId }
  /** A path's peer broke the rules: close the path with this error. */
  | { readonly kind: 'violation'; readonly pathId: PathId; readonly error: KwikError };
