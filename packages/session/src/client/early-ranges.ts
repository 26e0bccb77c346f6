import type { PathId, StreamId } from '@kwik/wire';
import { PIECE_OVERHEAD_BYTES, type MemoryAccount } from '../core/costs/memory-ledger.js';

/** With what each range costs besides its bytes. The rest is asked for again. */
const MAX_EARLY_BYTES = 1024 * 1024;

export interface EarlyRange {
  readonly pathId: PathId;
  readonly streamId: StreamId;
  readonly offset: number;
  readonly data: Uint8Array;
}

export interface EarlyRangesOptions {
  /** Of the session: what is kept is charged to it. */
  readonly account: Pick<MemoryAccount, 'hold'>;
  /** The session still has the stream. */
  readonly exists: (streamId: StreamId) => boolean;
}

/** Range bytes that overtook the announcement of their content. Bounded by the memory that they cost. */
export class EarlyRanges {
  readonly #options: EarlyRangesOptions;
  readonly #ranges = new Map<StreamId, EarlyRange[]>();
  #costBytes = 0;

  constructor(options: EarlyRangesOptions) {
    this.#options = options;
  }

  /** Bytes of memory, about. */
  get costBytes(): number {
    return this.#costBytes;
  }

  keep(range: EarlyRange): void {
    if (range.data.length === 0) return;
    const cost = range.data.length + PIECE_OVERHEAD_BYTES;
    if (this.#costBytes + cost > MAX_EARLY_BYTES) this.#forgetEnded();
    if (this.#costBytes + cost > MAX_EARLY_BYTES) return;
    this.#charge(range, 1);
    // A copy: a few bytes would keep the whole buffer alive into which the socket had read.
    const kept = { ...range, data: range.data.slice() };
    const mine = this.#ranges.get(range.streamId);
    if (mine === undefined) this.#ranges.set(range.streamId, [kept]);
    else mine.push(kept);
  }

  /** Those of the stream, in the order in which they came; they are kept no longer. */
  take(streamId: StreamId): EarlyRange[] {
    const mine = this.#ranges.get(streamId) ?? [];
    this.#ranges.delete(streamId);
    for (const range of mine) this.#charge(range, -1);
    return mine;
  }

  /** Nobody announces them any more. */
  clear(): void {
    for (const streamId of [...this.#ranges.keys()]) this.take(streamId);
  }

  /** Streams have ended without content. */
  #forgetEnded(): void {
    for (const streamId of [...this.#ranges.keys()]) if (!this.#options.exists(streamId)) this.take(streamId);
  }

  #charge({ data }: EarlyRange, sign: 1 | -1): void {
    this.#costBytes += sign * (data.length + PIECE_OVERHEAD_BYTES);
    this.#options.account.hold(sign * data.length, sign * PIECE_OVERHEAD_BYTES);
  }
}
