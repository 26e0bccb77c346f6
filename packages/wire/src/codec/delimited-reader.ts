import { KwikError } from '../errors/kwik-error.js';
import { MAX_PACKET_BYTES } from '../limits/wire-limits.js';
import { varintSize, writeVarint } from './varint.js';

export interface DelimitedReaderOptions {
  /** Longest message that is taken, without its prefix; below 2^28. Default: 65,536. */
  readonly maxPacketBytes?: number | undefined;
}

/** Room that a message crossing chunks gets at first, unless it needs less: a length alone costs a peer nothing. */
const FIRST_JOIN_BYTES = 1_024;
/** 28 bits; longer prefixes are beyond every bound. */
const MAX_PREFIX_BYTES = 4;
const LARGEST_BOUND = 2 ** (7 * MAX_PREFIX_BYTES) - 1;

/**
 * Splits a stream of chunks into messages, each preceded by its length as a base-128 varint. A message that lies whole
 * in a chunk is returned as a view of it; one that crosses chunks is joined, each byte copied a bounded number of
 * times. After an error the reader is spent: it holds nothing and throws the same error again.
 *
 * Contract: after `push`, call `next` until it returns undefined. What is pushed belongs to the reader.
 */
export class DelimitedReader {
  #maxBytes: number;
  #chunks: Uint8Array[] = [];
  /** Index of the chunk that is read, and the position in it. */
  #head = 0;
  #position = 0;
  #bufferedBytes = 0;
  /** Length of the message that is read; undefined while its prefix is. */
  #length: number | undefined;
  #prefixValue = 0;
  #prefixBytes = 0;
  /** What is joined of a message that crosses chunks. */
  #joined: Uint8Array | undefined;
  #joinedBytes = 0;
  #failure: KwikError | undefined;

  constructor(options: DelimitedReaderOptions = {}) {
    this.#maxBytes = checkedBound(options.maxPacketBytes ?? MAX_PACKET_BYTES);
  }

  /** From the next length on that is read. Throws ERR_KWIK_INVALID_ARGUMENT as the constructor does. */
  setMaxPacketBytes(maxPacketBytes: number): void {
    this.#maxBytes = checkedBound(maxPacketBytes);
  }

  /** Bytes that were pushed and not yet returned, prefixes included. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  push(chunk: Uint8Array): void {
    if (this.#failure !== undefined || chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.length;
  }

  /** The next whole message, or undefined until more is pushed. Throws ERR_KWIK_PACKET_TOO_LARGE. */
  next(): Uint8Array | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    this.#length ??= this.#readPrefix();
    if (this.#length === undefined) return undefined;
    const message = this.#readMessage(this.#length);
    if (message === undefined) return undefined;
    this.#bufferedBytes -= this.#prefixBytes + message.length;
    this.#length = undefined;
    this.#prefixValue = 0;
    this.#prefixBytes = 0;
    return message;
  }

  #readPrefix(): number | undefined {
    for (;;) {
      const chunk = this.#currentChunk();
      if (chunk === undefined) return undefined;
      const byte = chunk[this.#position++] as number;
      this.#prefixValue += (byte & 0x7f) * 0x80 ** this.#prefixBytes++;
      if (this.#prefixValue > this.#maxBytes || (byte >= 0x80 && this.#prefixBytes === MAX_PREFIX_BYTES)) {
        throw this.#fail(`message of more than ${this.#maxBytes} bytes`);
      }
      if (byte < 0x80) return this.#prefixValue;
    }
  }

  #readMessage(length: number): Uint8Array | undefined {
    if (this.#joined === undefined) {
      const chunk = this.#currentChunk();
      if (length === 0) return new Uint8Array(0);
      if (chunk === undefined) return undefined;
      if (chunk.length - this.#position >= length) return chunk.subarray(this.#position, (this.#position += length));
      this.#joined = new Uint8Array(Math.min(length, Math.max(FIRST_JOIN_BYTES, 2 * this.#unreadBytes())));
    }
    return this.#join(this.#joined, length);
  }

  #join(joined: Uint8Array, length: number): Uint8Array | undefined {
    let target = joined;
    for (let chunk = this.#currentChunk(); chunk !== undefined; chunk = this.#currentChunk()) {
      const taken = Math.min(length - this.#joinedBytes, chunk.length - this.#position);
      target = this.#withRoom(target, this.#joinedBytes + taken, length);
      target.set(chunk.subarray(this.#position, this.#position + taken), this.#joinedBytes);
      this.#position += taken;
      this.#joinedBytes += taken;
      if (this.#joinedBytes === length) {
        this.#joined = undefined;
        this.#joinedBytes = 0;
        return target;
      }
    }
    return undefined;
  }

  /** Doubles, so that what is copied again stays below what was received. */
  #withRoom(target: Uint8Array, bytes: number, length: number): Uint8Array {
    if (bytes <= target.length) return target;
    const larger = new Uint8Array(Math.min(length, Math.max(bytes, 2 * target.length)));
    larger.set(target.subarray(0, this.#joinedBytes));
    this.#joined = larger;
    return larger;
  }

  /** The chunk at the reading position; lets go of those that are read. */
  #currentChunk(): Uint8Array | undefined {
    const chunk = this.#chunks[this.#head];
    if (chunk === undefined || this.#position < chunk.length) return chunk;
    this.#position = 0;
    this.#head++;
    if (this.#head === this.#chunks.length) {
      this.#chunks = [];
      this.#head = 0;
    }
    return this.#chunks[this.#head];
  }

  /** Unread bytes of the chunks; joined ones and the prefix are read. */
  #unreadBytes(): number {
    return this.#bufferedBytes - this.#prefixBytes - this.#joinedBytes;
  }

  #fail(message: string): KwikError {
    this.#failure = new KwikError('ERR_KWIK_PACKET_TOO_LARGE', message);
    this.#chunks = [];
    this.#head = 0;
    this.#bufferedBytes = 0;
    return this.#failure;
  }
}

function checkedBound(maxPacketBytes: number): number {
  if (Number.isInteger(maxPacketBytes) && maxPacketBytes >= 0 && maxPacketBytes <= LARGEST_BOUND) return maxPacketBytes;
  throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `maxPacketBytes ${maxPacketBytes} is not 0 to ${LARGEST_BOUND}`);
}

/** `bytes` preceded by their length; the form that DelimitedReader takes apart. */
export function encodeDelimited(bytes: Uint8Array): Uint8Array {
  const framed = new Uint8Array(varintSize(bytes.length) + bytes.length);
  framed.set(bytes, writeVarint(framed, 0, bytes.length));
  return framed;
}
