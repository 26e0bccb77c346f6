import type { DatagramSource } from './datagram-socket.js';
import { MessageVector } from './message-vector.js';
import { MSG_DONTWAIT } from './send-batch.js';
import type { SocketAddresses } from './socket-address.js';
import type { SystemCalls } from './system-calls.js';

/** Datagrams of a system call. */
export const RECEIVE_BATCH = 32;
/** The largest datagram there is. Memory that no datagram reaches is never touched, so it costs nothing. */
const DATAGRAM_BYTES = 64 * 1024;

/** Memory for incoming datagrams. */
export class ReceiveBatch {
  private readonly data = Buffer.allocUnsafeSlow(RECEIVE_BATCH * DATAGRAM_BYTES);
  private readonly vector: MessageVector;

  constructor(
    private readonly calls: SystemCalls,
    private readonly addresses: SocketAddresses,
    addressBytes: number,
  ) {
    this.vector = new MessageVector(RECEIVE_BATCH, this.data, addressBytes, calls);
    for (let i = 0; i < RECEIVE_BATCH; i += 1) this.vector.set(i, i * DATAGRAM_BYTES, DATAGRAM_BYTES, 0);
  }

  /** Reads what has come; how many datagrams, -1 when there is none or reading fails. */
  receive(fd: number): number {
    return this.calls.recvmmsg(fd, this.vector.headers, RECEIVE_BATCH, MSG_DONTWAIT, null);
  }

  /** Datagram `i` of those that were read last; its memory is used again by the next `receive`. */
  datagram(i: number): Buffer {
    const from = i * DATAGRAM_BYTES;
    return this.data.subarray(from, from + this.vector.received(i));
  }

  source(i: number): DatagramSource {
    return this.addresses.decode(this.vector.nameWords, this.vector.nameAt(i));
  }
}
