import { KwikError, type PathId, type StreamId } from '@kwik/wire';
import type { MemoryAccount } from '../costs/memory-ledger.js';
import type { OffsetRange } from '../range-set.js';
import type { StreamState } from '../streams/stream-state.js';
import { AuthorityBudget, WriteAuthority } from '../streams/write-authority.js';
import type { DataPath } from './data-path.js';

export interface StreamWritersContext {
  path(id: PathId): DataPath | undefined;
  /** The primary names a stream, which opens it. */
  handleStreamOpened(id: StreamId): StreamState | undefined;
}

/** At the client: what the primary says of who writes what, for all streams of the session. */
export class StreamWriters {
  readonly #context: StreamWritersContext;
  readonly #budget: AuthorityBudget;

  constructor(context: StreamWritersContext, account: MemoryAccount | undefined) {
    this.#context = context;
    this.#budget = new AuthorityBudget(account);
  }

  /** How many grants and contents are kept. */
  get held(): number {
    return this.#budget.held;
  }

  /** The server of the path, and nobody else, writes these bytes. Throws the answer to a primary that may not say so. */
  grant(streamId: StreamId, pathId: PathId, ranges: readonly OffsetRange[]): void {
    const path = this.#context.path(pathId);
    if (path === undefined) throw new KwikError('ERR_KWIK_PATH_NOT_FOUND', `the session has no path ${pathId}`);
    if (path.toPeer || !path.rights.stream) {
      throw new KwikError(
        'ERR_KWIK_PERMISSION_DENIED',
        `path ${pathId} was added without the capability contribute; name it in addPath`,
      );
    }
    const stream = this.#context.handleStreamOpened(streamId);
    const receive = stream?.receive;
    if (stream === undefined || receive === undefined) {
      throw new KwikError('ERR_KWIK_STREAM_CLOSED', `the client reads nothing more from stream ${streamId}`);
    }
    const beyond = ranges.find(({ end }) => receive.finalSize !== undefined && end > receive.finalSize);
    if (beyond !== undefined) {
      const where = `bytes ${beyond.start} to ${beyond.end} reach beyond the end of stream ${streamId}`;
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', where);
    }
    stream.authority ??= new WriteAuthority(this.#budget);
    stream.authority.grant(pathId, ranges, receive.readOffset);
  }

  /** From here on these bytes come as verified ranges. Nothing is to be watched where the stream is over. */
  announceContent(streamId: StreamId, start: number, end: number): void {
    const stream = this.#context.handleStreamOpened(streamId);
    if (stream?.receive === undefined) return;
    stream.authority ??= new WriteAuthority(this.#budget);
    stream.authority.announceContent(start, end, stream.receive.readOffset);
  }

  /** Throws when the primary writes or ends the stream where it said that others write. */
  requirePrimary({ authority }: StreamState, start: number, end: number, fin: boolean): void {
    if (authority === undefined) return;
    authority.requirePrimary(start, end);
    if (fin) authority.requireEnd(end);
  }

  /** Which bytes of a secondary's stream frame count. Throws when some of them were never granted to it. */
  contributed(path: DataPath, stream: StreamState, start: number, end: number): readonly OffsetRange[] {
    const { authority } = stream;
    if (authority === undefined) throw grantedNothing(path, stream);
    return authority.contributed(path.id, start, end, stream.receive?.readOffset ?? 0);
  }

  /** Whether a secondary has bytes to write that are not read yet. Throws when nobody but the primary ever had. */
  mayWrite(path: DataPath, stream: StreamState): boolean {
    if (stream.authority === undefined) throw grantedNothing(path, stream);
    return stream.authority.knows(path.id);
  }
}

function grantedNothing(path: DataPath, stream: StreamState): KwikError {
  return new KwikError(
    'ERR_KWIK_PROTOCOL_VIOLATION',
    `the server of path ${path.id} writes into stream ${stream.id}, where it was granted nothing`,
  );
}
