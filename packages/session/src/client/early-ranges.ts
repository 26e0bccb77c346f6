import type { PathId, StreamId } from '@kwik/wire';

/** The rest is asked for again. */
const MAX_EARLY_BYTES = 1024 * 1024;

export interface EarlyRange {
  readonly pathId: PathId;
  readonly streamId: StreamId;
  readonly offset: number;
  readonly data: Uint8Array;
}

/** Range bytes that overtook the announcement of their content. Bounded. */
export class EarlyRanges {
  #ranges: EarlyRange[] = [];
  #bytes = 0;

  keep(range: EarlyRange): void {
    if (this.#bytes + range.data.length > MAX_EARLY_BYTES) return;
    this.#ranges.push(range);
    this.#bytes += range.data.length;
  }

  /** Those of the stream, in the order in which they came; they are kept no longer. */
  take(streamId: StreamId): EarlyRange[] {
    const mine = this.#ranges.filter((range) => range.streamId === streamId);
    if (mine.length === 0) return mine;
    this.#ranges = this.#ranges.filter((range) => range.streamId !== streamId);
    this.#bytes = this.#ranges.reduce((sum, range) => sum + range.data.length, 0);
    return mine;
  }
}
