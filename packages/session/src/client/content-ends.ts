import type { proto, StreamId } from '@kwik/wire';

interface ContentEnded {
  /** In the stream, behind the content: what comes below is late, not early. */
  readonly offset: number;
  readonly message: proto.ContentEnd;
}

/** How the last content of each stream ended, and where. The oldest is forgotten first. */
export class ContentEnds {
  readonly #max: number;
  readonly #ends = new Map<StreamId, ContentEnded>();

  constructor(max: number) {
    this.#max = max;
  }

  of(streamId: StreamId): ContentEnded | undefined {
    return this.#ends.get(streamId);
  }

  remember(streamId: StreamId, end: ContentEnded): void {
    this.#ends.delete(streamId);
    this.#ends.set(streamId, end);
    if (this.#ends.size <= this.#max) return;
    for (const oldest of this.#ends.keys()) {
      this.#ends.delete(oldest);
      return;
    }
  }
}
