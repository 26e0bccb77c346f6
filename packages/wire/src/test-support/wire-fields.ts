/** Encoded messages put together by hand, as no encoder would write them. */

/** A varint of `value`, with `padding` bytes more than it needs. */
export function varint(value: bigint | number, padding = 0): number[] {
  const bytes: number[] = [];
  let rest = BigInt(value);
  do {
    bytes.push(Number(rest & 0x7fn));
    rest >>= 7n;
  } while (rest > 0n);
  bytes.push(...Array<number>(padding).fill(0));
  return bytes.map((byte, index) => (index < bytes.length - 1 ? byte | 0x80 : byte));
}

export function varintField(field: number, value: bigint | number, padding = 0): number[] {
  return [...varint(field * 8), ...varint(value, padding)];
}

export function bytesField(field: number, value: Iterable<number>, padding = 0): number[] {
  const bytes = [...value];
  return [...varint(field * 8 + 2), ...varint(bytes.length, padding), ...bytes];
}

export function fixed32Field(field: number, value: number): number[] {
  return [...varint(field * 8 + 5), ...[0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff)];
}

export function fixed64Field(field: number): number[] {
  return [...varint(field * 8 + 1), 1, 2, 3, 4, 5, 6, 7, 8];
}
