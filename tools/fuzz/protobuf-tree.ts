/** A protobuf message taken apart as far as bytes alone tell, so that a mutation can leave the lengths around it right. */
export interface Field {
  readonly tag: number;
  readonly wire: 0 | 1 | 2 | 5;
  /** Wire type 0. */
  readonly varint?: bigint;
  /** The others; of wire type 2 without the length. */
  readonly bytes?: Uint8Array;
}

const MAX_FIELDS = 4096;

/** Undefined for what is no message. */
export function parseFields(bytes: Uint8Array): Field[] | undefined {
  const fields: Field[] = [];
  for (let at = 0; at < bytes.length; ) {
    const key = readVarint(bytes, at);
    if (key === undefined || fields.length === MAX_FIELDS) return undefined;
    at = key.end;
    const tag = Number(key.value >> 3n);
    const wire = Number(key.value & 7n);
    if (tag === 0 || tag > 0x1fff_ffff) return undefined;
    if (wire === 0) {
      const value = readVarint(bytes, at);
      if (value === undefined) return undefined;
      fields.push({ tag, wire, varint: value.value });
      at = value.end;
      continue;
    }
    if (wire !== 1 && wire !== 2 && wire !== 5) return undefined;
    const length = wire === 2 ? readVarint(bytes, at) : { value: wire === 1 ? 8n : 4n, end: at };
    if (length === undefined || BigInt(bytes.length - length.end) < length.value) return undefined;
    at = length.end + Number(length.value);
    fields.push({ tag, wire, bytes: bytes.subarray(length.end, at) });
  }
  return fields;
}

export function joinFields(fields: readonly Field[]): Uint8Array {
  const parts = fields.flatMap(({ tag, wire, varint, bytes = new Uint8Array(0) }) => {
    const key = varintBytes((BigInt(tag) << 3n) | BigInt(wire));
    if (wire === 0) return [key, varintBytes(varint ?? 0n)];
    return wire === 2 ? [key, varintBytes(BigInt(bytes.length)), bytes] : [key, bytes];
  });
  return new Uint8Array(Buffer.concat(parts));
}

/** Messages of a stream, each behind its length; what is left over is a message, too. */
export function splitStream(bytes: Uint8Array): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = readVarint(bytes, at);
    if (length === undefined) return [...messages, bytes.subarray(at)];
    at = length.end + Math.min(Number(length.value), bytes.length - length.end);
    messages.push(bytes.subarray(length.end, at));
  }
  return messages;
}

export function joinStream(messages: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(messages.flatMap((one) => [varintBytes(BigInt(one.length)), one])));
}

/** Parts behind lengths of two bytes. */
export function splitBlocks(bytes: Uint8Array): Uint8Array[] {
  const blocks: Uint8Array[] = [];
  for (let at = 0; at + 2 <= bytes.length; ) {
    const end = at + 2 + ((bytes[at]! << 8) | bytes[at + 1]!);
    blocks.push(bytes.subarray(at + 2, end));
    at = end;
  }
  return blocks;
}

export function joinBlocks(blocks: readonly Uint8Array[]): Uint8Array {
  const parts = blocks.flatMap((one) => [Uint8Array.of(one.length >> 8, one.length & 0xff), one]);
  return new Uint8Array(Buffer.concat(parts));
}

function readVarint(bytes: Uint8Array, begin: number): { value: bigint; end: number } | undefined {
  let value = 0n;
  for (let at = begin; at < bytes.length && at < begin + 10; at++) {
    value |= BigInt(bytes[at]! & 0x7f) << BigInt(7 * (at - begin));
    if (bytes[at]! < 0x80) return { value: value & 0xffff_ffff_ffff_ffffn, end: at + 1 };
  }
  return undefined;
}

function varintBytes(value: bigint): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7n) {
    if (rest < 0x80n) return Uint8Array.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 0x7fn) | 0x80);
  }
}
