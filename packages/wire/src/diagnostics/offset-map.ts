import { KwikError } from '../errors/kwik-error.js';

/** One piece of a logical stream and where it went on the wire. */
export interface OffsetMapping {
  /** Logical stream and KWIK offset of the first byte. */
  readonly streamId: bigint;
  readonly offset: bigint;
  /** Data bytes. */
  readonly length: number;
  /** Real (QUIC) stream and the offset of the first data byte in it. */
  readonly realStreamId: number;
  readonly quicOffset: bigint;
}

/** Where one byte is, in the numbers of the real stream. */
export interface RealPosition {
  readonly realStreamId: number;
  readonly quicOffset: bigint;
}

/** Where one byte is, in the numbers of the logical stream. */
export interface LogicalPosition {
  readonly streamId: bigint;
  readonly offset: bigint;
}

/** Enough for the last second of a path at 100 Mbit/s in packets of 12 kB. */
const DEFAULT_CAPACITY = 1_024;

/**
 * Maps KWIK offsets to offsets of QUIC streams and back, for diagnosis (K13.5). The protocol never needs it: it keeps
 * the two numberings apart. Bounded: only the last `capacity` pieces are known. One map serves one path.
 */
export class OffsetMap {
  readonly #capacity: number;
  readonly #ring: OffsetMapping[] = [];
  #next = 0;

  constructor(options: { capacity?: number } = {}) {
    const { capacity = DEFAULT_CAPACITY } = options;
    if (!Number.isInteger(capacity) || capacity < 1) {
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `capacity ${capacity} is not a whole number from 1`);
    }
    this.#capacity = capacity;
  }

  /** Pieces known now. */
  get size(): number {
    return this.#ring.length;
  }

  /** The streams are those of another connection from now on. */
  clear(): void {
    this.#ring.length = 0;
    this.#next = 0;
  }

  /** Remembers where a piece was written; forgets the oldest when full. */
  record(mapping: OffsetMapping): void {
    this.#ring[this.#next] = mapping;
    this.#next = (this.#next + 1) % this.#capacity;
  }

  /** Where the byte at `offset` went; the latest time, if it went more than once. */
  toReal(streamId: bigint, offset: bigint): RealPosition | undefined {
    const found = this.#latest((piece) => piece.streamId === streamId && holds(piece.offset, piece.length, offset));
    return found && { realStreamId: found.realStreamId, quicOffset: found.quicOffset + (offset - found.offset) };
  }

  /** Which byte of a logical stream lies at `quicOffset`; undefined between frames and for what was forgotten. */
  toLogical(realStreamId: number, quicOffset: bigint): LogicalPosition | undefined {
    const found = this.#latest(
      (piece) => piece.realStreamId === realStreamId && holds(piece.quicOffset, piece.length, quicOffset),
    );
    return found && { streamId: found.streamId, offset: found.offset + (quicOffset - found.quicOffset) };
  }

  #latest(matches: (piece: OffsetMapping) => boolean): OffsetMapping | undefined {
    for (let age = 1; age <= this.#ring.length; age++) {
      const piece = this.#ring[(this.#next - age + this.#ring.length) % this.#ring.length];
      if (piece !== undefined && matches(piece)) return piece;
    }
    return undefined;
  }
}

function holds(start: bigint, length: number, offset: bigint): boolean {
  return offset >= start && offset < start + BigInt(length);
}
