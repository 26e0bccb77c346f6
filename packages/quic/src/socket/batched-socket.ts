import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { TransportAddress } from '@kwik/wire';
import {
  bindError,
  type DatagramHandlers,
  type DatagramSending,
  type DatagramSocket,
  type SendCallback,
} from './datagram-socket.js';
import { addressOf, DGRAM_READS_AT_ONCE, dgramOptions, enlargeBuffers } from './dgram-socket.js';
import { neverFragment } from './never-fragment.js';
import { RECEIVE_BATCH, ReceiveBatch } from './receive-batch.js';
import { routeDatagramBytes } from './route-mtu.js';
import { SendBatch } from './send-batch.js';
import { addressBytes, AF_INET, AF_INET6, MAX_ADDRESS_BYTES, SocketAddresses } from './socket-address.js';
import type { SystemCalls } from './system-calls.js';

const SOCK_DGRAM = 2;
const SOL_SOCKET = 1;
const SO_REUSEPORT = 15;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
/** Batches that are read before others have a turn. */
const BATCHES_AT_ONCE = 4;
/** Where others take longer, so may reading, up to this, ms. */
const MAX_READING_MS = 50;
/** What a device says that cannot cut messages into datagrams, or a kernel without UDP_SEGMENT. */
const NO_SEGMENTATION: readonly string[] = ['EIO', 'EOPNOTSUPP', 'ENOPROTOOPT'];
/** What the kernel says when a datagram is longer than the route carries: it cuts messages, but splits no datagram of one. */
const TOO_LONG: readonly string[] = ['EINVAL', 'EMSGSIZE'];
/** What waits in `node:dgram` for the kernel to have room; more is lost, as it would be further on, and counted. */
const MAX_QUEUED = 1_024;

interface BatchedSocketOptions {
  readonly shared?: boolean;
  readonly tells?: boolean;
  readonly now?: () => number;
}

/**
 * A socket of Linux that sends and reads many datagrams per system call. `node:dgram` tells when there is something to be
 * read, and takes what the kernel has no room for, since it learns when there is some again.
 */
export class BatchedSocket implements DatagramSocket, DatagramSending {
  readonly address: TransportAddress;
  readonly io = 'batched';
  readonly readsAtOnce = BATCHES_AT_ONCE * RECEIVE_BATCH + DGRAM_READS_AT_ONCE;
  segmentationRefused: string | undefined;
  private readonly addresses: SocketAddresses;
  private readonly addressBytes: number;
  /** Made with the first datagram: most sockets of clients never receive or send much at once. */
  private sending: SendBatch | undefined;
  private receiving: ReceiveBatch | undefined;
  private handlers: DatagramHandlers | undefined;
  private batchesLeft = BATCHES_AT_ONCE;
  /** When reading stopped although there was more, and until when it goes on in this turn. */
  private stoppedMs: number | undefined;
  private readUntilMs = 0;
  private closed = false;

  private constructor(
    private readonly socket: Socket,
    private readonly fd: number,
    private readonly calls: SystemCalls,
    private readonly local: string | undefined,
    private readonly now: () => number,
  ) {
    this.addresses = new SocketAddresses(local);
    this.address = addressOf(socket);
    this.addressBytes = addressBytes(this.address.family === 'IPv6');
    socket.on('error', (error) => this.handlers?.onError(error));
  }

  /**
   * Binds within the call. Throws `ERR_KWIK_INVALID_ARGUMENT` (no such address, port taken, no permission); undefined when
   * this process may make no such socket. `shared`: other processes of the same user have sockets there, too (SO_REUSEPORT).
   * `tells`: sources say that they sent to `host`. `now`: in milliseconds, for tests.
   */
  static bind(
    host: string,
    port: number,
    calls: SystemCalls,
    { shared = false, tells = false, now = () => performance.now() }: BatchedSocketOptions = {},
  ): BatchedSocket | undefined {
    const domain = isIPv6(host) ? AF_INET6 : AF_INET;
    const fd = calls.socket(domain, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return undefined;
    neverFragment(calls, fd, domain === AF_INET6);
    if (shared) setShared(calls, fd, true);
    const address = new Uint8Array(MAX_ADDRESS_BYTES);
    new SocketAddresses().encode(host, port, address);
    if (calls.bind(fd, address, addressBytes(domain === AF_INET6)) < 0) {
      const cause = errnoError(calls.errno(), 'bind');
      calls.close(fd);
      throw bindError(host, port, cause);
    }
    const socket = createSocket(dgramOptions(host));
    try {
      // With a descriptor that is bound there is nothing to wait for.
      socket.bind({ fd, exclusive: true });
    } catch (cause) {
      calls.close(fd);
      throw bindError(host, port, cause as NodeJS.ErrnoException);
    }
    enlargeBuffers(socket);
    return new BatchedSocket(socket, fd, calls, tells ? host : undefined, now);
  }

  unref(): void {
    this.socket.unref();
  }

  open(handlers: DatagramHandlers): void {
    this.handlers = handlers;
    const { local } = this;
    this.socket.on('message', (datagram, from) => {
      handlers.onDatagram(datagram, local === undefined ? from : { ...from, local });
      if (this.batchesLeft > 0) this.drain(handlers);
    });
  }

  /** Whether other sockets of the same user may be bound to this port from now on (SO_REUSEPORT). */
  share(shared: boolean): void {
    if (!this.closed) setShared(this.calls, this.fd, shared);
  }

  answerFromEach(): void {
    // It has one address; one on all is in the hands of an `EachAddressSocket`.
  }

  from(): this {
    return this;
  }

  slot(bytes: number): Buffer {
    this.sending ??= new SendBatch(this.calls, this.addresses, this.addressBytes);
    if (!this.sending.hasRoom(bytes)) this.flush();
    return this.sending.slot(bytes);
  }

  submit(_slotBytes: number, bytes: number, port: number, address: string, callback?: SendCallback): void {
    if (!this.closed) this.sending?.add(bytes, port, address, callback);
  }

  flush(): void {
    const batch = this.sending;
    if (batch === undefined || batch.count === 0) return;
    for (let next = 0; next < batch.count; ) {
      const taken = batch.transmit(this.fd, next);
      for (let i = next; i < next + taken; i += 1) tellLater(batch.message(i).callback, null);
      if (taken > 0) next += taken;
      else {
        const code = this.calls.errno();
        if (code === 'EAGAIN') {
          for (; next < batch.count; next += 1) this.queue(batch, next);
        } else if (code !== 'EINTR') {
          this.handleRefusal(batch, next, code);
          next += 1;
        }
      }
    }
    batch.clear();
  }

  send(datagram: Uint8Array, port: number, address: string): void {
    this.hand(datagram, port, address, undefined);
  }

  routeDatagramBytes(address: string): number | undefined {
    return routeDatagramBytes(this.calls, this.addresses, this.address.address, address);
  }

  congested(): boolean {
    return !this.closed && this.socket.getSendQueueCount() > 0;
  }

  close(): Promise<void> {
    if (this.closed) return Promise.resolve();
    this.flush();
    this.closed = true;
    return new Promise((resolve) => {
      this.socket.close(() => resolve());
    });
  }

  /** Reads what else has come; a few batches in each turn of the loop. */
  private drain(handlers: DatagramHandlers): void {
    const batch = (this.receiving ??= new ReceiveBatch(this.calls, this.addresses, this.addressBytes));
    if (this.batchesLeft === BATCHES_AT_ONCE) this.beginTurn();
    while (this.mayRead()) {
      this.batchesLeft -= 1;
      const count = batch.receive(this.fd);
      for (let i = 0; i < count && !this.isClosed(); i += 1) handlers.onDatagram(batch.datagram(i), batch.source(i));
      if (count < RECEIVE_BATCH) return;
    }
    this.stoppedMs = this.now();
  }

  /** What the others took since reading stopped, it may take as well: what waits in the kernel grows old, and is lost at last. */
  private beginTurn(): void {
    setImmediate(this.onTurn);
    const now = this.now();
    this.readUntilMs = now + Math.min(MAX_READING_MS, now - (this.stoppedMs ?? now));
    this.stoppedMs = undefined;
  }

  private mayRead(): boolean {
    if (this.isClosed()) return false;
    return this.batchesLeft > 0 || this.now() < this.readUntilMs;
  }

  /** Whoever hears a datagram may close the socket. */
  private isClosed(): boolean {
    return this.closed;
  }

  private readonly onTurn = (): void => {
    this.batchesLeft = BATCHES_AT_ONCE;
  };

  /** The kernel did not take message `i`, for a reason that waiting does not mend. */
  private handleRefusal(batch: SendBatch, i: number, code: string): void {
    const message = batch.message(i);
    if (message.segments > 1 && NO_SEGMENTATION.includes(code)) {
      this.segmentationRefused = code;
      batch.refuseSegments();
      this.queue(batch, i);
    } else if (message.segments > 1 && TOO_LONG.includes(code)) {
      batch.limitSegments(message);
      this.queue(batch, i);
    } else this.tell(message.callback, errnoError(code, 'sendmmsg'));
  }

  private tell(callback: SendCallback | undefined, error: NodeJS.ErrnoException): void {
    if (callback === undefined) this.handlers?.onError(error);
    else tellLater(callback, error);
  }

  /** `node:dgram` sends the datagrams of message `i`, as soon as there is room: from copies, for it keeps them. */
  private queue(batch: SendBatch, i: number): void {
    const { address, port, callback } = batch.message(i);
    for (const datagram of batch.datagrams(batch.message(i))) {
      if (this.socket.getSendQueueCount() >= MAX_QUEUED) this.tell(callback, errnoError('ENOBUFS', 'sendmmsg'));
      else this.hand(Uint8Array.prototype.slice.call(datagram), port, address, callback);
    }
  }

  private hand(datagram: Uint8Array, port: number, address: string, callback: SendCallback | undefined): void {
    if (this.closed) return;
    try {
      this.socket.send(datagram, port, address, callback);
    } catch (error) {
      this.handlers?.onError(error as NodeJS.ErrnoException);
    }
  }
}

function setShared(calls: SystemCalls, fd: number, shared: boolean): void {
  calls.setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, Uint8Array.of(shared ? 1 : 0, 0, 0, 0), 4);
}

function tellLater(callback: SendCallback | undefined, error: Error | null): void {
  if (callback !== undefined) process.nextTick(callback, error);
}

function errnoError(code: string, call: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${call} ${code}`), { code, syscall: call });
}
