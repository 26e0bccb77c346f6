/** Bytes of a stream from an offset on. */
export interface Span {
  start: number;
  data: Uint8Array;
}

/** Where a segment is, or would be; good until another one is inserted or taken by another place. */
export interface Place {
  leaf: number;
  index: number;
}

/** Segments in one leaf: moving them costs less than finding the leaf. */
const MAX_LEAF = 256;

/**
 * Disjoint segments, sorted by their starts, in leaves: a peer that inserts at the front of a hundred thousand costs what
 * one costs that inserts at the end.
 */
export class SegmentList<S extends Span> {
  readonly #leaves: S[][] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The place of the first segment that ends behind `offset`, or behind the last. */
  seek(offset: number): Place {
    const leaf = firstWhere(this.#leaves.length, (index) => endOf(this.#leaves[index]!.at(-1)!) > offset);
    const segments = this.#leaves[leaf];
    if (segments === undefined) return { leaf, index: 0 };
    return { leaf, index: firstWhere(segments.length, (index) => endOf(segments[index]!) > offset) };
  }

  at({ leaf, index }: Place): S | undefined {
    return this.#leaves[leaf]?.[index];
  }

  before({ leaf, index }: Place): S | undefined {
    return index > 0 ? this.#leaves[leaf]?.[index - 1] : this.#leaves[leaf - 1]?.at(-1);
  }

  /** On to the segment behind. */
  advance(place: Place): void {
    place.index++;
    if (place.index < this.#leaves[place.leaf]!.length) return;
    place.leaf++;
    place.index = 0;
  }

  /** Puts a segment there; the place is then that of the segment behind it. */
  insert(place: Place, segment: S): void {
    this.#size++;
    const leaf = this.#leaves[place.leaf];
    if (leaf === undefined) {
      this.#append(segment);
      place.leaf = this.#leaves.length;
      place.index = 0;
      return;
    }
    leaf.splice(place.index, 0, segment);
    if (leaf.length > MAX_LEAF) {
      const half = leaf.length >>> 1;
      this.#leaves.splice(place.leaf + 1, 0, leaf.splice(half));
      if (place.index >= half) {
        place.leaf++;
        place.index -= half;
      }
    }
    this.advance(place);
  }

  first(): S | undefined {
    return this.#leaves[0]?.[0];
  }

  shift(): S | undefined {
    const leaf = this.#leaves[0];
    const segment = leaf?.shift();
    if (segment === undefined) return undefined;
    this.#size--;
    if (leaf!.length === 0) this.#leaves.shift();
    return segment;
  }

  /** Takes out all segments for which `holds` is true; returns how many they were. */
  removeWhere(holds: (segment: S) => boolean): number {
    const before = this.#size;
    const kept = this.#leaves
      .map((leaf) => leaf.filter((segment) => !holds(segment)))
      .filter(({ length }) => length > 0);
    this.#leaves.splice(0, this.#leaves.length, ...kept);
    this.#size = kept.reduce((sum, { length }) => sum + length, 0);
    return before - this.#size;
  }

  clear(): void {
    this.#leaves.length = 0;
    this.#size = 0;
  }

  *[Symbol.iterator](): IterableIterator<S> {
    for (const leaf of this.#leaves) yield* leaf;
  }

  #append(segment: S): void {
    const last = this.#leaves.at(-1);
    if (last === undefined || last.length >= MAX_LEAF) this.#leaves.push([segment]);
    else last.push(segment);
  }
}

/** The first index below `length` of which `holds` is true, when it is of all behind it, too; else `length`. */
export function firstWhere(length: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

export function endOf({ start, data }: Span): number {
  return start + data.length;
}
