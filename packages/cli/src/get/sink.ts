import type { Hash } from 'node:crypto';
import type { Header } from '../protocol/messages.js';

/** What a sink holds from an earlier attempt. */
export interface Existing {
  readonly offset: number;
  /** Of the file that those bytes began, when known. */
  readonly etag?: string;
  /** Has taken in exactly those bytes. If the download goes on from there it takes in the rest, chunk by chunk. */
  readonly hash: Hash;
}

/** Where a downloaded file goes. Calls come one at a time, in the order below; `suspend` and `discard` end at any point. */
export interface Sink {
  /** Refuses if there is no way to store the file. `onProgress` hears how much of an earlier part has been read. */
  open(signal: AbortSignal, onProgress?: (checked: number, of: number) => void): Promise<Existing>;
  /** Content from `header.offset` follows: either what `open` told, or 0, and then what was there is useless. */
  begin(header: Header): Promise<void>;
  /** Resolves when more may be written. The chunk may be used until the sink is done. */
  write(chunk: Uint8Array): Promise<void>;
  /** Everything is there and verified. */
  commit(): Promise<void>;
  /** Keeps what came for a later attempt, where that is worth it. Never rejects. */
  suspend(): Promise<void>;
  /** Bytes that `suspend` left for a later attempt. */
  readonly keptBytes: number;
  /** What came is wrong. Never rejects. */
  discard(): Promise<void>;
}
