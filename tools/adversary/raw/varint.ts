/** Integers of variable length (RFC 9000, section 16). */
export function encodeVarint(value: bigint | number): Buffer {
  const wide = BigInt(value);
  const number = Number(wide);
  if (wide < 1n << 6n) return Buffer.from([number]);
  if (wide < 1n << 14n) return writeUInt(2, (bytes) => bytes.writeUInt16BE(number | 0x40_00));
  if (wide < 1n << 30n) return writeUInt(4, (bytes) => bytes.writeUInt32BE((number | 0x80_00_00_00) >>> 0));
  return writeUInt(8, (bytes) => bytes.writeBigUInt64BE(wide | 0xc0_00_00_00_00_00_00_00n));
}

function writeUInt(length: number, write: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.alloc(length);
  write(bytes);
  return bytes;
}

/** Reads integers and runs of bytes, one after the other. */
export class ByteCursor {
  readonly #bytes: Buffer;
  position = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.position;
  }

  varint(): bigint {
    const first = this.#bytes[this.position] ?? 0;
    const length = 1 << (first >> 6);
    let value = BigInt(first & 0x3f);
    for (let index = 1; index < length; index++) {
      value = (value << 8n) | BigInt(this.#bytes[this.position + index] ?? 0);
    }
    this.position += length;
    return value;
  }

  number(): number {
    return Number(this.varint());
  }

  /** A view. */
  take(length: number): Buffer {
    const taken = this.#bytes.subarray(this.position, this.position + length);
    this.position += length;
    return taken;
  }

  skipZeros(): void {
    while (this.left > 0 && this.#bytes[this.position] === 0) this.position++;
  }
}
