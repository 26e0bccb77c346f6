import { KwikError } from '@kwik/wire';
import type { SendCallback } from './datagram-socket.js';
import { MessageVector } from './message-vector.js';
import type { SocketAddresses } from './socket-address.js';
import type { SystemCalls } from './system-calls.js';

/** Messages of a system call. */
const MAX_MESSAGES = 64;
/** What a turn of a connection sends, and more: 64 datagrams. */
const MEMORY_BYTES = 128 * 1024;
/** Linux cuts a message into no more datagrams (`UDP_MAX_SEGMENTS`), and it must fit one IP packet. */
const MAX_SEGMENTS = 64;
const MAX_MESSAGE_BYTES = 65_000;
/** Addresses behind routes that take less than their connections send; then all are tried anew. */
const MAX_LIMITS = 1_024;

/** Datagrams to one address, one behind the other in memory. All but the last have the same length. */
interface Message {
  address: string;
  port: number;
  offset: number;
  bytes: number;
  segmentBytes: number;
  segments: number;
  callback: SendCallback | undefined;
}

/**
 * Memory for outgoing datagrams, and the messages that they make up: what goes to one address in datagrams of one length,
 * as bulk data does, is one message, which the kernel cuts (UDP_SEGMENT, "generic segmentation offload").
 */
export class SendBatch {
  private readonly vector: MessageVector;
  private readonly data = Buffer.allocUnsafeSlow(MEMORY_BYTES);
  private readonly messages: Message[] = Array.from({ length: MAX_MESSAGES }, emptyMessage);
  private used = 0;
  private view: Buffer | undefined;
  private size = 0;
  /** No device cuts messages. */
  private isRefused = false;
  /** Longer datagrams to these addresses go one by one. */
  private readonly limits = new Map<string, number>();

  constructor(
    private readonly calls: SystemCalls,
    private readonly addresses: SocketAddresses,
    addressBytes: number,
  ) {
    this.vector = new MessageVector(MAX_MESSAGES, this.data, addressBytes, calls);
  }

  /** Messages that wait. */
  get count(): number {
    return this.size;
  }

  /** Whether a datagram of `bytes` has room. */
  hasRoom(bytes: number): boolean {
    return this.size < MAX_MESSAGES && this.used + bytes <= MEMORY_BYTES;
  }

  /** Memory for the next datagram; the same until `add`. */
  slot(bytes: number): Buffer {
    const { view } = this;
    if (view?.length === bytes && view.byteOffset === this.used) return view;
    this.view = this.data.subarray(this.used, this.used + bytes);
    return this.view;
  }

  /** The next datagram has `bytes`. */
  add(bytes: number, port: number, address: string, callback: SendCallback | undefined): void {
    const last = this.size === 0 ? undefined : this.messages[this.size - 1];
    const goesAlong =
      last?.port === port && last.address === address && callback === undefined && this.fits(last, bytes);
    if (last !== undefined && goesAlong) {
      last.bytes += bytes;
      last.segments += 1;
    } else this.begin(bytes, port, address, callback);
    this.used += bytes;
  }

  /** Hands message `first` and those after it to the kernel; how many it took, -1 when it took none of them. */
  transmit(fd: number, first: number): number {
    for (let i = first; i < this.size; i += 1) {
      const { offset, bytes, segmentBytes, segments, address, port } = this.message(i);
      this.vector.set(i, offset, bytes, segments > 1 ? segmentBytes : 0);
      this.addresses.encode(address, port, this.vector.name(i));
    }
    return this.calls.sendmmsg(fd, this.vector.from(first), this.size - first, MSG_DONTWAIT);
  }

  message(i: number): Readonly<Message> {
    const message = this.messages[i];
    if (message === undefined) throw new KwikError('ERR_KWIK_INTERNAL', `there is no message ${i}`);
    return message;
  }

  /** The datagrams of a message. */
  *datagrams({ offset, bytes, segmentBytes }: Readonly<Message>): Iterable<Buffer> {
    for (let at = offset; at < offset + bytes; at += segmentBytes) {
      yield this.data.subarray(at, Math.min(at + segmentBytes, offset + bytes));
    }
  }

  /** Datagrams as long as those of this message, to its address, are not to share a message any more. */
  limitSegments({ address, segmentBytes }: Readonly<Message>): void {
    if (this.limits.size >= MAX_LIMITS) this.limits.clear();
    this.limits.set(address, Math.min(this.limitOf(address), segmentBytes - 1));
  }

  /** No datagrams are to share a message any more. */
  refuseSegments(): void {
    this.isRefused = true;
  }

  /** Everything was handed over. */
  clear(): void {
    this.size = 0;
    this.used = 0;
    this.view = undefined;
  }

  private fits(last: Message, bytes: number): boolean {
    // A shorter datagram ends its message.
    const isWhole = last.bytes === last.segments * last.segmentBytes;
    if (!isWhole || bytes > last.segmentBytes || this.isRefused) return false;
    if (this.limits.size > 0 && last.segmentBytes > this.limitOf(last.address)) return false;
    return last.callback === undefined && last.segments < MAX_SEGMENTS && last.bytes + bytes <= MAX_MESSAGE_BYTES;
  }

  private limitOf(address: string): number {
    return this.limits.get(address) ?? Infinity;
  }

  private begin(bytes: number, port: number, address: string, callback: SendCallback | undefined): void {
    const message = this.messages[this.size];
    if (message === undefined) throw new KwikError('ERR_KWIK_INTERNAL', 'the batch is full');
    message.address = address;
    message.port = port;
    message.offset = this.used;
    message.bytes = bytes;
    message.segmentBytes = bytes;
    message.segments = 1;
    message.callback = callback;
    this.size += 1;
  }
}

export const MSG_DONTWAIT = 0x40;

function emptyMessage(): Message {
  return { address: '', port: 0, offset: 0, bytes: 0, segmentBytes: 0, segments: 0, callback: undefined };
}
