import type { Packet } from '../gen/kwik/v1/data.js';
import type { Crc32 } from './checksum.js';
import { DelimitedReader, type DelimitedReaderOptions } from './delimited-reader.js';
import { decodePacket } from './packet-decoder.js';

/**
 * Splits what arrives on a real stream into packets. A packet that lies whole in a chunk is decoded as views of it.
 * Errors are those of `decodePacket`; one means that the peer broke the protocol and the path cannot go on.
 */
export class PacketReader {
  readonly #messages: DelimitedReader;
  readonly #crc32: Crc32;

  constructor(crc32: Crc32, options: DelimitedReaderOptions = {}) {
    this.#crc32 = crc32;
    this.#messages = new DelimitedReader(options);
  }

  /** Bytes that were pushed and not yet returned in packets. */
  get bufferedBytes(): number {
    return this.#messages.bufferedBytes;
  }

  /** `chunk` belongs to the reader, and to the packets that it returns. */
  push(chunk: Uint8Array): void {
    this.#messages.push(chunk);
  }

  /** The next whole packet, or undefined until more is pushed. */
  next(): Packet | undefined {
    const message = this.#messages.next();
    return message && decodePacket(message, this.#crc32);
  }
}
