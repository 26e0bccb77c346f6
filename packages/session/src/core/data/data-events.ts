import type { KwikError, PathId, StreamId } from '@kwik/wire';

/** What the data plane tells its runtime; each names a stream whose state changed, so repeating one does no harm. */
export type DataEvent =
  /** The peer opened a stream. */
  | { readonly kind: 'opened'; readonly streamId: StreamId }
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
  /** A raw packet came. */
  | {
      readonly kind: 'raw';
      readonly pathId: PathId;
      readonly data: Uint8Array;
      /** Whose it is, as the client says: the path of its server, 0 for the primary. */
      readonly from: PathId | undefined;
    }
  /** A path's peer broke the rules: close the path with this error. */
  | { readonly kind: 'violation'; readonly pathId: PathId; readonly error: KwikError };
