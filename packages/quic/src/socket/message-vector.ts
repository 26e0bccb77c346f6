import type { SystemCalls } from './system-calls.js';
import { MAX_ADDRESS_BYTES } from './socket-address.js';

/** `struct mmsghdr` of 64-bit Linux, in 32-bit words: a `msghdr` of 56 bytes and the bytes that came or went. */
const HEADER_WORDS = 16;
const NAME_AT = 0;
const NAME_BYTES_AT = 2;
const VECTOR_AT = 4;
const VECTOR_COUNT_AT = 6;
const CONTROL_AT = 8;
const CONTROL_BYTES_AT = 10;
const MESSAGE_BYTES_AT = 14;
/** `struct iovec`: an address and a length. */
const VECTOR_WORDS = 4;
/** `MAX_ADDRESS_BYTES`, rounded up. */
const NAME_WORDS = 8;
/** A `cmsghdr` of 16 bytes and a 16-bit number, rounded up. */
const CONTROL_WORDS = 6;
const CONTROL_BYTES = 24;
const CONTROL_USED_BYTES = 18;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const WORD_BYTES = 4;
const WORD = 2 ** 32;

/**
 * Headers of messages for `sendmmsg` and `recvmmsg`, with a place for an address and a control message each, and one piece
 * of memory that they point to. The kernel gets addresses of all three, so this object owns them: it must live as long as
 * it is handed over.
 */
export class MessageVector {
  readonly headers: Buffer;
  readonly names: Buffer;
  /** The same as `names`. */
  readonly nameWords: Uint32Array;
  private readonly words: Uint32Array;
  private readonly controls: Uint32Array;
  private readonly vectorsFrom: number;
  private readonly dataAddress: number;

  constructor(
    readonly count: number,
    readonly data: Buffer,
    addressBytes: number,
    calls: SystemCalls,
  ) {
    const headerBytes = count * HEADER_WORDS * WORD_BYTES;
    this.vectorsFrom = count * HEADER_WORDS;
    this.headers = zeros(headerBytes + count * VECTOR_WORDS * WORD_BYTES);
    this.words = wordsOf(this.headers);
    this.names = zeros(count * NAME_WORDS * WORD_BYTES);
    this.nameWords = wordsOf(this.names);
    const controls = zeros(count * CONTROL_BYTES);
    this.controls = wordsOf(controls);
    // Addresses of user space have 47 bits: numbers are exact.
    this.dataAddress = Number(calls.addressOf(data));
    const vectors = Number(calls.addressOf(this.headers)) + headerBytes;
    const names = Number(calls.addressOf(this.names));
    const control = Number(calls.addressOf(controls));
    for (let i = 0; i < count; i += 1) {
      const at = i * HEADER_WORDS;
      this.point(at + NAME_AT, names + i * NAME_WORDS * WORD_BYTES);
      this.words[at + NAME_BYTES_AT] = addressBytes;
      this.point(at + VECTOR_AT, vectors + i * VECTOR_WORDS * WORD_BYTES);
      this.words[at + VECTOR_COUNT_AT] = 1;
      this.point(at + CONTROL_AT, control + i * CONTROL_BYTES);
      this.controls.set([CONTROL_USED_BYTES, 0, SOL_UDP, UDP_SEGMENT], i * CONTROL_WORDS);
    }
  }

  /** Message `i` has `bytes` of the data from `offset` on, cut into datagrams of `segmentBytes`; 0: it is one. */
  set(i: number, offset: number, bytes: number, segmentBytes: number): void {
    const vector = this.vectorsFrom + i * VECTOR_WORDS;
    this.point(vector, this.dataAddress + offset);
    this.words[vector + 2] = bytes;
    this.words[i * HEADER_WORDS + CONTROL_BYTES_AT] = segmentBytes === 0 ? 0 : CONTROL_BYTES;
    this.controls[i * CONTROL_WORDS + CONTROL_WORDS - 2] = segmentBytes;
  }

  /** Where the address of message `i` stands. */
  name(i: number): Buffer {
    const from = i * NAME_WORDS * WORD_BYTES;
    return this.names.subarray(from, from + MAX_ADDRESS_BYTES);
  }

  /** The first word of the address of message `i`, in `nameWords`. */
  nameAt(i: number): number {
    return i * NAME_WORDS;
  }

  /** The headers of message `i` and all after it. */
  from(i: number): Buffer {
    return i === 0 ? this.headers : this.headers.subarray(i * HEADER_WORDS * WORD_BYTES);
  }

  /** What came in message `i`. */
  received(i: number): number {
    return this.words[i * HEADER_WORDS + MESSAGE_BYTES_AT] ?? 0;
  }

  private point(at: number, address: number): void {
    this.words[at] = address % WORD;
    this.words[at + 1] = address / WORD;
  }
}

/** Memory of its own: what V8 allocates for small arrays it may move. */
function zeros(bytes: number): Buffer {
  return Buffer.allocUnsafeSlow(bytes).fill(0);
}

function wordsOf({ buffer, byteOffset, length }: Buffer): Uint32Array {
  return new Uint32Array(buffer, byteOffset, length / WORD_BYTES);
}
