import { ByteCursor } from './varint.js';

/** Frames that an attack cares about (RFC 9000, section 19); the others are skipped. */
export type RawFrame =
  | { readonly kind: 'ack'; readonly ranges: readonly (readonly [lowest: bigint, highest: bigint])[] }
  | { readonly kind: 'crypto'; readonly offset: number; readonly data: Buffer }
  | {
      readonly kind: 'stream';
      readonly id: bigint;
      readonly offset: number;
      readonly data: Buffer;
      readonly fin: boolean;
    }
  | { readonly kind: 'maxData'; readonly limit: number }
  | { readonly kind: 'maxStreamData'; readonly id: bigint; readonly limit: number }
  | { readonly kind: 'close'; readonly application: boolean; readonly code: bigint; readonly reason: string }
  | { readonly kind: 'other' };

const SKIPPED: ReadonlyMap<number, (cursor: ByteCursor) => void> = new Map([
  [0x04, (cursor) => skip(cursor, 3)],
  [0x05, (cursor) => skip(cursor, 2)],
  [0x07, (cursor) => void cursor.take(cursor.number())],
  [0x12, (cursor) => skip(cursor, 1)],
  [0x13, (cursor) => skip(cursor, 1)],
  [0x14, (cursor) => skip(cursor, 1)],
  [0x15, (cursor) => skip(cursor, 2)],
  [0x16, (cursor) => skip(cursor, 1)],
  [0x17, (cursor) => skip(cursor, 1)],
  [0x18, (cursor) => skipConnectionId(cursor)],
  [0x19, (cursor) => skip(cursor, 1)],
  [0x1a, (cursor) => void cursor.take(8)],
  [0x1b, (cursor) => void cursor.take(8)],
]);

/** The frames of a packet, and whether one of them wants an acknowledgement. */
export function readFrames(payload: Buffer): { readonly frames: readonly RawFrame[]; readonly elicits: boolean } {
  const cursor = new ByteCursor(payload);
  const frames: RawFrame[] = [];
  let elicits = false;
  while (cursor.left > 0) {
    const type = cursor.number();
    if (type === 0x00) {
      cursor.skipZeros();
      continue;
    }
    if (type !== 0x02 && type !== 0x03 && type !== 0x1c && type !== 0x1d) elicits = true;
    const frame = readFrame(type, cursor);
    if (frame === undefined) break;
    frames.push(frame);
  }
  return { frames, elicits };
}

/** `undefined`: a type that is not known, after which nothing can be read. */
function readFrame(type: number, cursor: ByteCursor): RawFrame | undefined {
  if (type === 0x02 || type === 0x03) return readAck(type, cursor);
  if (type === 0x06) {
    const offset = cursor.number();
    return { kind: 'crypto', offset, data: cursor.take(cursor.number()) };
  }
  if (type >= 0x08 && type <= 0x0f) return readStream(type, cursor);
  if (type === 0x10) return { kind: 'maxData', limit: cursor.number() };
  if (type === 0x11) return { kind: 'maxStreamData', id: cursor.varint(), limit: cursor.number() };
  if (type === 0x1c || type === 0x1d) return readClose(type, cursor);
  if (type === 0x01 || type === 0x1e) return { kind: 'other' };
  const skipOver = SKIPPED.get(type);
  if (skipOver === undefined) return undefined;
  skipOver(cursor);
  return { kind: 'other' };
}

function readAck(type: number, cursor: ByteCursor): RawFrame {
  const largest = cursor.varint();
  skip(cursor, 1);
  const count = cursor.number();
  let lowest = largest - cursor.varint();
  const ranges: (readonly [bigint, bigint])[] = [[lowest, largest]];
  for (let index = 0; index < count; index++) {
    const highest = lowest - cursor.varint() - 2n;
    lowest = highest - cursor.varint();
    ranges.push([lowest, highest]);
  }
  if (type === 0x03) skip(cursor, 3);
  return { kind: 'ack', ranges };
}

function readStream(type: number, cursor: ByteCursor): RawFrame {
  const id = cursor.varint();
  const offset = (type & 0x04) === 0 ? 0 : cursor.number();
  const length = (type & 0x02) === 0 ? cursor.left : cursor.number();
  return { kind: 'stream', id, offset, data: Buffer.from(cursor.take(length)), fin: (type & 0x01) !== 0 };
}

function readClose(type: number, cursor: ByteCursor): RawFrame {
  const code = cursor.varint();
  if (type === 0x1c) skip(cursor, 1);
  return { kind: 'close', application: type === 0x1d, code, reason: cursor.take(cursor.number()).toString('utf8') };
}

function skip(cursor: ByteCursor, integers: number): void {
  for (let index = 0; index < integers; index++) cursor.varint();
}

function skipConnectionId(cursor: ByteCursor): void {
  skip(cursor, 2);
  const length = cursor.take(1)[0] ?? 0;
  cursor.take(length + 16);
}
