import type { KwikError } from '../errors/kwik-error.js';
import { MAX_UINT32 } from '../limits/wire-limits.js';
import { isUtf8 } from './utf8.js';

/**
 * A walk over an encoded message before the generated decoder sees it. The generated code trusts what this walk
 * checks: it lets a nested message overrun its parent, stops silently at a tag of 0, skips groups by recursion, reads
 * invalid UTF-8 as replacement characters, and makes an object for every two bytes of an endless repeated field.
 */

/** What matters of a field's type. */
export interface FieldShape {
  /** Most elements of a repeated field. */
  readonly max?: number;
  /** A nested message; map entries are messages too. */
  readonly message?: WireShape;
  /** A repeated field of varints, which may come packed. */
  readonly packed?: boolean;
  /** A string, which must be UTF-8. */
  readonly text?: boolean;
}

/** Fields by number. A field that is not listed is only checked for being well-formed. */
export type WireShape = Readonly<Record<number, FieldShape>>;

/** Makes the error for what is wrong. */
export type ShapeFault = (what: string) => KwikError;

/** Throws `fault(…)` unless `bytes` are a well-formed message of this shape. Depth is bounded by the shape's own. */
export function checkShape(bytes: Uint8Array, shape: WireShape, fault: ShapeFault): void {
  walkMessage({ bytes, position: 0, fault }, bytes.length, shape);
}

interface Walk {
  readonly bytes: Uint8Array;
  position: number;
  readonly fault: ShapeFault;
}

const WIRE_VARINT = 0;
const WIRE_FIXED64 = 1;
const WIRE_BYTES = 2;
const WIRE_FIXED32 = 5;

function walkMessage(walk: Walk, end: number, shape: WireShape): void {
  let counts: Map<number, number> | undefined;
  while (walk.position < end) {
    const tag = walkVarint(walk, end);
    const field = Math.floor(tag / 8);
    if (field === 0 || tag > MAX_UINT32) throw walk.fault('a field has no valid number');
    const known = shape[field];
    const elements = walkValue(walk, end, tag % 8, known);
    if (known?.max === undefined) continue;
    counts ??= new Map();
    const count = (counts.get(field) ?? 0) + elements;
    if (count > known.max) throw walk.fault(`field ${field} has more than ${known.max} elements`);
    counts.set(field, count);
  }
}

/** Steps over one value and returns how many elements of its field it holds. */
function walkValue(walk: Walk, end: number, wireType: number, known: FieldShape | undefined): number {
  switch (wireType) {
    case WIRE_VARINT:
      walkVarint(walk, end);
      return 1;
    case WIRE_FIXED64:
      return walkBytes(walk, end, 8);
    case WIRE_FIXED32:
      return walkBytes(walk, end, 4);
    case WIRE_BYTES:
      return walkDelimited(walk, end, known);
    default:
      // 3 and 4 are groups, which proto3 does not have; 6 and 7 are nothing.
      throw walk.fault(`wire type ${wireType}`);
  }
}

function walkDelimited(walk: Walk, end: number, known: FieldShape | undefined): number {
  const length = walkVarint(walk, end);
  const start = walk.position;
  if (length > end - start) throw walk.fault('a length reaches beyond its message');
  if (known?.message !== undefined) {
    walkMessage(walk, start + length, known.message);
  } else if (known?.packed === true) {
    return walkPacked(walk, start + length);
  } else if (known?.text === true && !isUtf8(walk.bytes, start, start + length)) {
    throw walk.fault('a string is not UTF-8');
  }
  return walkBytes(walk, end, start + length - walk.position);
}

function walkPacked(walk: Walk, end: number): number {
  let elements = 0;
  for (; walk.position < end; elements++) walkVarint(walk, end);
  return elements;
}

function walkBytes(walk: Walk, end: number, length: number): number {
  if (length > end - walk.position) throw walk.fault('a value is cut off');
  walk.position += length;
  return 1;
}

/** At most 10 bytes and 64 bits. Exact below 2^53, which all that is compared with it is. */
function walkVarint(walk: Walk, end: number): number {
  const start = walk.position;
  const limit = Math.min(end, start + MAX_VARINT_BYTES);
  let value = 0;
  let scale = 1;
  while (walk.position < limit) {
    const byte = walk.bytes[walk.position++] as number;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      if (walk.position - start === MAX_VARINT_BYTES && byte > LAST_BYTE_MAX) break;
      return value;
    }
    scale *= 0x80;
  }
  throw walk.fault('a varint is cut off or longer than 64 bits');
}

const MAX_VARINT_BYTES = 10;
/** Nine bytes hold 63 bits, so the tenth holds one. */
const LAST_BYTE_MAX = 1;
