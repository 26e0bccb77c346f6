import { type Cursor, fieldSize, readVarint, UNUSUAL, varintSize, writeField, writeVarint } from '../codec/varint.js';
import { FrameFlag, type Frame, type StreamFrame } from '../gen/kwik/v1/data.js';
import { MAX_STREAM_PRIORITY } from '../limits/wire-limits.js';
import { check62, checkExtent, invalidFrame } from './frame-rules.js';

export interface StreamFrameOptions {
  readonly streamId: bigint;
  /** KWIK offset of the first byte of `data`. */
  readonly offset: bigint;
  /** Held, not copied: do not change it before the frame is encoded. */
  readonly data: Uint8Array;
  /** `data` ends the stream. */
  readonly fin?: boolean | undefined;
  /** The bytes were sent before, on this or another path. */
  readonly retransmit?: boolean | undefined;
  /** The bytes answer a range request: the request was their credit. */
  readonly range?: boolean | undefined;
  /** 0 (most urgent) to 7. */
  readonly priority?: number | undefined;
}

/** The options that become bits of StreamFrame.flags. */
export type StreamFrameFlags = Pick<StreamFrameOptions, 'fin' | 'retransmit' | 'range' | 'priority'>;

/** A frame of stream data. */
export function streamFrame(options: StreamFrameOptions): Frame {
  const { streamId, offset, data } = options;
  const priority = options.priority ?? 0;
  return { body: { $case: 'stream', value: { streamId, offset, flags: streamFlags(options), priority, data } } };
}

/** FrameFlag bits of a stream frame built with these options. */
export function streamFlags(options: StreamFrameFlags): number {
  return (
    (options.fin === true ? FrameFlag.FIN : 0) |
    (options.priority === undefined ? 0 : FrameFlag.PRIORITY) |
    (options.retransmit === true ? FrameFlag.RETRANSMIT : 0) |
    (options.range === true ? FrameFlag.RANGE : 0)
  );
}

export function hasFlag(frame: { readonly flags: number }, flag: FrameFlag): boolean {
  return (frame.flags & flag) !== 0;
}

const KNOWN_FLAGS = Object.values(FrameFlag).reduce<number>((all, flag) => all | flag, 0);

export function checkStreamFrame(frame: StreamFrame): void {
  const { streamId, offset, flags, priority, data } = frame;
  check62(streamId, 'stream id');
  checkExtent(offset, data.length);
  if ((flags & KNOWN_FLAGS) !== flags) throw invalidFrame(`stream frame has unknown flags ${flags}`);
  if (priority === 0) return;
  if ((flags & FrameFlag.PRIORITY) === 0) throw invalidFrame('stream frame has a priority and no flag for it');
  if (!Number.isInteger(priority) || priority < 0 || priority > MAX_STREAM_PRIORITY)
    throw invalidFrame(`stream frame has priority ${priority}`);
}

// The hot path. Field tags of StreamFrame, in the order in which the generated code writes them.
const STREAM_ID = 0x08;
const OFFSET = 0x10;
const FLAGS = 0x18;
const PRIORITY = 0x20;
const DATA = 0x2a;

/** Encoded bytes of a StreamFrame without tag and length. Values at most 2^53 - 1. */
export function streamFrameSize(frame: StreamFrame): number {
  const dataBytes = frame.data.length;
  return (
    fieldSize(Number(frame.streamId)) +
    fieldSize(Number(frame.offset)) +
    fieldSize(frame.flags) +
    fieldSize(frame.priority) +
    (dataBytes === 0 ? 0 : 1 + varintSize(dataBytes) + dataBytes)
  );
}

/** Writes what `streamFrameSize` counted; the only copy that the data meets. */
export function writeStreamFrame(target: Uint8Array, position: number, frame: StreamFrame): number {
  let at = writeField(target, position, STREAM_ID, Number(frame.streamId));
  at = writeField(target, at, OFFSET, Number(frame.offset));
  at = writeField(target, at, FLAGS, frame.flags);
  at = writeField(target, at, PRIORITY, frame.priority);
  const { data } = frame;
  if (data.length === 0) return at;
  target[at] = DATA;
  at = writeVarint(target, at + 1, data.length);
  target.set(data, at);
  return at + data.length;
}

/** A StreamFrame that fills the bytes up to `end`, in the usual form; undefined when anything is unusual. */
export function readStreamFrame(cursor: Cursor, end: number): StreamFrame | undefined {
  const { bytes } = cursor;
  const frame: StreamFrame = { streamId: 0n, offset: 0n, flags: 0, priority: 0, data: EMPTY };
  let previous = 0;
  while (cursor.position < end) {
    const tag = bytes[cursor.position++] as number;
    if (tag <= previous) return undefined;
    previous = tag;
    const value = readVarint(cursor, end);
    if (value === UNUSUAL) return undefined;
    if (tag === DATA) {
      const from = cursor.position;
      if (value > end - from) return undefined;
      cursor.position = from + value;
      frame.data = bytes.subarray(from, from + value);
    } else if (!setNumber(frame, tag, value)) {
      return undefined;
    }
  }
  return frame;
}

function setNumber(frame: StreamFrame, tag: number, value: number): boolean {
  if (tag === STREAM_ID) frame.streamId = BigInt(value);
  else if (tag === OFFSET) frame.offset = BigInt(value);
  else if (value > 0xff) return false;
  else if (tag === FLAGS) frame.flags = value;
  else if (tag === PRIORITY) frame.priority = value;
  else return false;
  return true;
}

const EMPTY = new Uint8Array(0);
