import { firstDifference } from './first-difference.js';
import { join, type OwnBytes } from './small-bytes.js';

/** Bytes that came, from an offset of the stream on, and who brought them. */
export interface Segment extends OwnBytes {
  start: number;
  /** Who brought the first of them. */
  origin: number;
  /** Where several brought them: the end of each run, and its origin, in turn; `runsFrom` is the first that counts. */
  runs: number[] | undefined;
  runsFrom: number;
}

export function segmentOf(start: number, origin: number, { data, own }: OwnBytes): Segment {
  return { start, origin, data, own, runs: undefined, runsFrom: 0 };
}

/** Joins a small piece to the end; false when it does not suit. */
export function extend(segment: Segment, piece: Uint8Array, origin: number): boolean {
  const before = segment.start + segment.data.length;
  if (!join(segment, piece)) return false;
  const { runs } = segment;
  if (runs === undefined) {
    if (segment.origin !== origin) segment.runs = [before, segment.origin, before + piece.length, origin];
  } else if (runs.at(-1) === origin) runs[runs.length - 2] = before + piece.length;
  else runs.push(before + piece.length, origin);
  return true;
}

export function runCount({ runs, runsFrom }: Segment): number {
  return runs === undefined ? 0 : (runs.length - runsFrom) / 2;
}

/** Bytes from the first on that one path brought. */
export function firstRunBytes({ start, data, runs, runsFrom }: Segment): number {
  return runs === undefined ? data.length : runs[runsFrom]! - start;
}

/** Takes `bytes` of the first run away. */
export function dropFirst(segment: Segment, bytes: number): void {
  segment.start += bytes;
  segment.data = segment.data.subarray(bytes);
  if (segment.runs === undefined || segment.runs[segment.runsFrom]! > segment.start) return;
  segment.runsFrom += 2;
  segment.origin = segment.runs[segment.runsFrom + 1] ?? segment.origin;
}

/** Adds up how much each path brought. */
export function countOrigins(segment: Segment, byOrigin: Map<number, number>): void {
  const { start, data, origin, runs, runsFrom } = segment;
  if (runs === undefined) {
    byOrigin.set(origin, (byOrigin.get(origin) ?? 0) + data.length);
    return;
  }
  let from = start;
  for (let index = runsFrom; index < runs.length; index += 2) {
    byOrigin.set(runs[index + 1]!, (byOrigin.get(runs[index + 1]!) ?? 0) + runs[index]! - from);
    from = runs[index]!;
  }
}

/** Who brought the first byte that differs from `data`, which lies at `offset`; undefined when none that is in both does. */
export function conflictWith(segment: Segment, offset: number, data: Uint8Array): number | undefined {
  const first = Math.max(segment.start, offset);
  const last = Math.min(segment.start + segment.data.length, offset + data.length);
  if (first >= last) return undefined;
  const known = segment.data.subarray(first - segment.start, last - segment.start);
  const at = first + firstDifference(known, data.subarray(first - offset, last - offset));
  if (at === last) return undefined;
  const { runs, runsFrom } = segment;
  if (runs === undefined) return segment.origin;
  for (let index = runsFrom; index < runs.length; index += 2) if (at < runs[index]!) return runs[index + 1]!;
  return segment.origin;
}
