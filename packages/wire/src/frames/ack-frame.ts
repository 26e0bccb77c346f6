import { type Cursor, fieldSize, readVarint, UNUSUAL, varintSize, writeField, writeVarint } from '../codec/varint.js';
import type { AckFrame, AckRange, Frame } from '../gen/kwik/v1/data.js';
import { MAX_ACK_RANGES, MAX_UINT32 } from '../limits/wire-limits.js';
import { check62, checkUint32, invalidFrame } from './frame-rules.js';

export interface AckFrameOptions {
  /** The path whose packets are named. */
  readonly pathId: number;
  /** From the arrival of the largest packet named to now, microseconds. */
  readonly ackDelayUs: number;
  /** Both ends included; descending, disjoint and not adjacent; 1 to 64 of them. */
  readonly ranges: readonly AckRange[];
}

/** An acknowledgement of packets of one path. */
export function ackFrame(options: AckFrameOptions): Frame {
  const { pathId, ackDelayUs, ranges } = options;
  return { body: { $case: 'ack', value: { pathId, ackDelayUs, ranges: [...ranges] } } };
}

export function checkAckFrame(frame: AckFrame): void {
  checkUint32(frame.pathId, 'path id');
  checkUint32(frame.ackDelayUs, 'acknowledgement delay');
  const { ranges } = frame;
  if (ranges.length === 0) throw invalidFrame('acknowledgement names no packet');
  checkRangeCount(ranges.length);
  let above: bigint | undefined;
  for (const { first, last } of ranges) {
    check62(last, 'packet number');
    if (first < 0n || first > last) throw invalidFrame(`acknowledged range ${first}-${last} is no range`);
    // Adjacent ranges would be one: the gap between two is at least one packet.
    if (above !== undefined && last >= above - 1n) throw invalidFrame('acknowledged ranges are not in falling order');
    above = first;
  }
}

function checkRangeCount(count: number): void {
  if (count > MAX_ACK_RANGES) throw invalidFrame(`acknowledgement has more than ${MAX_ACK_RANGES} ranges`);
}

// The hot path. Field tags of AckFrame and AckRange.
const PATH_ID = 0x08;
const ACK_DELAY = 0x10;
const RANGE = 0x1a;
const FIRST = 0x08;
const LAST = 0x10;

/** Encoded bytes of an AckFrame without tag and length. Values at most 2^53 - 1. */
export function ackFrameSize(frame: AckFrame): number {
  let size = fieldSize(frame.pathId) + fieldSize(frame.ackDelayUs);
  for (const range of frame.ranges) {
    const body = rangeSize(range);
    size += 1 + varintSize(body) + body;
  }
  return size;
}

export function writeAckFrame(target: Uint8Array, position: number, frame: AckFrame): number {
  let at = writeField(target, position, PATH_ID, frame.pathId);
  at = writeField(target, at, ACK_DELAY, frame.ackDelayUs);
  for (const range of frame.ranges) {
    target[at] = RANGE;
    at = writeVarint(target, at + 1, rangeSize(range));
    at = writeField(target, at, FIRST, Number(range.first));
    at = writeField(target, at, LAST, Number(range.last));
  }
  return at;
}

/** An AckFrame that fills the bytes up to `end`, in the usual form; undefined when anything is unusual. */
export function readAckFrame(cursor: Cursor, end: number): AckFrame | undefined {
  const { bytes } = cursor;
  const frame: AckFrame = { pathId: 0, ackDelayUs: 0, ranges: [] };
  let previous = 0;
  while (cursor.position < end) {
    const tag = bytes[cursor.position++] as number;
    if (tag <= previous && tag !== RANGE) return undefined;
    previous = tag;
    const value = readVarint(cursor, end);
    if (value === UNUSUAL || value > MAX_UINT32) return undefined;
    if (tag === PATH_ID) frame.pathId = value;
    else if (tag === ACK_DELAY) frame.ackDelayUs = value;
    else if (tag === RANGE && value <= end - cursor.position) {
      checkRangeCount(frame.ranges.length + 1);
      const range = readRange(cursor, cursor.position + value);
      if (range === undefined) return undefined;
      frame.ranges.push(range);
    } else return undefined;
  }
  return frame;
}

function readRange(cursor: Cursor, end: number): AckRange | undefined {
  const range: AckRange = { first: 0n, last: 0n };
  let previous = 0;
  while (cursor.position < end) {
    const tag = cursor.bytes[cursor.position++] as number;
    if (tag <= previous) return undefined;
    previous = tag;
    const value = readVarint(cursor, end);
    if (value === UNUSUAL) return undefined;
    if (tag === FIRST) range.first = BigInt(value);
    else if (tag === LAST) range.last = BigInt(value);
    else return undefined;
  }
  return range;
}

function rangeSize(range: AckRange): number {
  return fieldSize(Number(range.first)) + fieldSize(Number(range.last));
}
