import { TestRandom } from '../../packages/wire/src/test-support/random.js';
import {
  type Field,
  joinBlocks,
  joinFields,
  joinStream,
  parseFields,
  splitBlocks,
  splitStream,
} from './protobuf-tree.js';
import type { InputShape } from './target.js';

export { TestRandom };

/** Larger inputs only make runs slower: every bound of the decoders is met below it, or by a length that lies. */
const MAX_INPUT_BYTES = 150_000;
const MAX_DEPTH = 6;
/** What breaks arithmetic: ends of ranges, powers of two and their neighbours. */
const EXTREMES: readonly bigint[] = [
  0n,
  1n,
  0x7fn,
  0x80n,
  0xffffn,
  0x1_0000n,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0x1_0000_0000n,
  (1n << 53n) - 1n,
  1n << 53n,
  (1n << 62n) - 1n,
  1n << 62n,
  (1n << 63n) - 1n,
  (1n << 64n) - 1n,
];

/** `input` with one to six changes; `other` gives pieces to splice in. */
export function mutate(input: Uint8Array, other: Uint8Array, shape: InputShape, random: TestRandom): Uint8Array {
  let bytes = input;
  for (let changes = 1 + random.below(6); changes > 0; changes--) bytes = change(bytes, other, shape, random);
  return bytes.subarray(0, MAX_INPUT_BYTES);
}

function change(bytes: Uint8Array, other: Uint8Array, shape: InputShape, random: TestRandom): Uint8Array {
  if (random.below(3) === 0) return changeBytes(bytes, other, random);
  switch (shape) {
    case 'bytes':
      return changeBytes(bytes, other, random);
    case 'message':
      return changeMessage(bytes, other, random, 0);
    case 'stream':
      return joinStream(changeParts(splitStream(bytes), splitStream(other), random, changeMessage));
    case 'blocks':
      return joinBlocks(changeParts(splitBlocks(bytes), splitBlocks(other), random, changeBytes));
  }
}

/** One part changed, dropped, doubled, moved, or taken from elsewhere. */
function changeParts(
  parts: readonly Uint8Array[],
  others: readonly Uint8Array[],
  random: TestRandom,
  changePart: (part: Uint8Array, other: Uint8Array, random: TestRandom, depth: number) => Uint8Array,
): Uint8Array[] {
  if (parts.length === 0) return [...others];
  const at = random.below(parts.length);
  const part = parts[at]!;
  const other = others.length === 0 ? part : others[random.below(others.length)]!;
  switch (random.below(10)) {
    case 0:
      return parts.toSpliced(at, 1);
    case 1:
      return parts.toSpliced(at, 0, part);
    case 2:
      return parts.toSpliced(at, 0, other);
    case 3:
      return parts.toSpliced(at, 1).toSpliced(random.below(parts.length), 0, part);
    default:
      return parts.with(at, changePart(part, other, random, 0));
  }
}

function changeMessage(bytes: Uint8Array, other: Uint8Array, random: TestRandom, depth: number): Uint8Array {
  const fields = parseFields(bytes);
  if (fields === undefined || fields.length === 0 || depth > MAX_DEPTH) return changeBytes(bytes, other, random);
  const at = random.below(fields.length);
  const field = fields[at]!;
  switch (random.below(12)) {
    case 0:
      return joinFields(fields.toSpliced(at, 1));
    case 1:
      return joinFields(fields.toSpliced(at, 0, field));
    case 2:
      return joinFields(fields.toSpliced(random.below(fields.length), 0, field));
    case 3:
      return joinFields(fields.toSpliced(at, 0, ...(parseFields(other) ?? [])));
    case 4:
      return joinFields(fields.with(at, { ...field, tag: 1 + random.below(64) }));
    case 5:
      return joinFields([...fields, unknownField(random)]);
    case 6:
      return joinFields(
        Array<readonly Field[]>(1 + random.below(40))
          .fill(fields)
          .flat(),
      );
    default:
      return joinFields(fields.with(at, changeField(field, other, random, depth)));
  }
}

function changeField(field: Field, other: Uint8Array, random: TestRandom, depth: number): Field {
  if (field.wire === 0) {
    const value = field.varint ?? 0n;
    const near = [value + 1n, value > 0n ? value - 1n : 0n, value ^ (1n << BigInt(random.below(63)))];
    const values = random.below(2) === 0 ? EXTREMES : near;
    return { ...field, varint: values[random.below(values.length)]! };
  }
  const bytes = field.bytes ?? new Uint8Array(0);
  if (field.wire !== 2) return { ...field, bytes: random.bytes(bytes.length) };
  if (random.below(6) === 0) return { ...field, bytes: random.bytes(random.below(2 * bytes.length + 4)) };
  if (random.below(12) === 0) return { ...field, bytes: new Uint8Array(1 << random.below(17)) };
  return { ...field, bytes: changeMessage(bytes, other, random, depth + 1) };
}

function unknownField(random: TestRandom): Field {
  const tag = 60 + random.below(100_000);
  if (random.below(2) === 0) return { tag, wire: 0, varint: EXTREMES[random.below(EXTREMES.length)]! };
  return { tag, wire: 2, bytes: random.bytes(random.below(64)) };
}

function changeBytes(bytes: Uint8Array, other: Uint8Array, random: TestRandom): Uint8Array {
  const at = random.below(bytes.length + 1);
  const end = Math.min(bytes.length, at + 1 + random.below(32));
  switch (random.below(10)) {
    case 0:
    case 1:
      return withByte(bytes, at, (old) => old ^ (1 << random.below(8)));
    case 2:
      return withByte(bytes, at, () => random.below(256));
    case 3:
      return withByte(bytes, at, (old) => old + (random.below(2) === 0 ? 1 : 255));
    case 4:
      return bytes.subarray(0, at);
    case 5:
      return joined(bytes.subarray(0, at), bytes.subarray(end));
    case 6:
      return joined(bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(at));
    case 7:
      return joined(bytes.subarray(0, at), random.bytes(1 + random.below(8)), bytes.subarray(at));
    case 8:
      return joined(bytes.subarray(0, at), other.subarray(random.below(other.length + 1)));
    default:
      return joined(bytes.subarray(0, at), LENGTHS[random.below(LENGTHS.length)]!, bytes.subarray(at));
  }
}

/** Varints of protobuf and of QUIC that claim much. */
const LENGTHS: readonly Uint8Array[] = [
  Uint8Array.of(0xff, 0xff, 0x03),
  Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f),
  new Uint8Array(10).fill(0xff),
  Uint8Array.of(0x80, 0x80, 0x00),
  Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01),
];

function withByte(bytes: Uint8Array, at: number, change: (old: number) => number): Uint8Array {
  if (at >= bytes.length) return bytes;
  const copy = new Uint8Array(bytes);
  copy[at] = change(copy[at]!);
  return copy;
}

function joined(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
