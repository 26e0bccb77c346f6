import type {
  BackendAddress,
  BackendCloseReason,
  BackendConnection,
  BackendPathStats,
  Received,
  StreamReadResult,
  StreamRefusal,
} from '../backends/backend.js';

interface FakeStream {
  /** What the peer's flow control still allows. */
  credit: number;
  /** Taken and not yet sent. */
  buffered: number;
  finPending: boolean;
  finSent: boolean;
  sent: number;
  stopped: number | undefined;
  readable: Uint8Array[];
  ended: boolean;
}

const HEADER_BYTES = 40;

/**
 * A backend that keeps count instead of doing cryptography: one window in bytes, streams with credit, datagrams that
 * hold the bytes of one stream. It behaves as quiche does where the driver depends on it.
 */
export class FakeBackend implements BackendConnection {
  cwndBytes = 14_000;
  inFlight = 0;
  rttMs = 20;
  isEstablished = true;
  isDraining = false;
  isClosed = false;
  isTimedOut = false;
  timeout: number | undefined;
  peerReason: BackendCloseReason | undefined;
  localReason: BackendCloseReason | undefined;
  streamCredit = 1_000_000_000;
  closeFramePending = false;
  received: Uint8Array[] = [];
  timeouts = 0;
  readonly streams = new Map<number, FakeStream>();
  /** Lengths of the datagrams that were sent. */
  readonly datagrams: number[] = [];
  acknowledgementPending = false;
  /** What comes is not authentic. */
  ignores = false;
  onReceive: (() => void) | undefined;
  peer: BackendAddress = { host: '127.0.0.1', port: 1 };
  readonly framesFrom = -1;
  readonly framesTo = 0;
  readonly destination = undefined;
  private roomAtReceive = 14_000;

  receive(datagram: Uint8Array): Received {
    if (this.ignores) return 'ignored';
    this.received.push(datagram);
    this.onReceive?.();
    this.refreshRoom();
    this.acknowledgementPending = true;
    return 'taken';
  }

  /** The peer acknowledges `bytes` of what is in flight. */
  acknowledge(bytes: number): void {
    this.inFlight = Math.max(0, this.inFlight - bytes);
    this.refreshRoom();
  }

  send(out: Uint8Array): number {
    if (this.isDraining || this.isClosed) return 0;
    if (this.closeFramePending) {
      this.closeFramePending = false;
      this.isDraining = true;
      return this.record(50);
    }
    for (const stream of this.streams.values()) {
      const room = Math.min(out.length, this.cwndBytes - this.inFlight) - HEADER_BYTES;
      const bytes = Math.min(stream.buffered, room);
      const fin = stream.finPending && bytes === stream.buffered;
      if (bytes <= 0 && !fin) continue;
      stream.buffered -= bytes;
      stream.sent += bytes;
      if (fin) {
        stream.finPending = false;
        stream.finSent = true;
      }
      this.acknowledgementPending = false;
      this.inFlight += bytes + HEADER_BYTES;
      return this.record(bytes + HEADER_BYTES);
    }
    if (!this.acknowledgementPending) return 0;
    this.acknowledgementPending = false;
    return this.record(HEADER_BYTES);
  }

  timeoutMs(): number | undefined {
    return this.timeout;
  }

  onTimeout(): void {
    this.timeouts += 1;
  }

  established(): boolean {
    return this.isEstablished;
  }

  draining(): boolean {
    return this.isDraining;
  }

  closed(): boolean {
    return this.isClosed;
  }

  timedOut(): boolean {
    return this.isTimedOut;
  }

  resumed(): boolean {
    return false;
  }

  inEarlyData(): boolean {
    return false;
  }

  session(): undefined {
    return undefined;
  }

  localError(): BackendCloseReason | undefined {
    return this.localReason;
  }

  peerError(): BackendCloseReason | undefined {
    return this.peerReason;
  }

  close(application: boolean, code: number, reason: string): void {
    if (this.localReason !== undefined) return;
    this.localReason = { application, code, reason };
    this.closeFramePending = true;
  }

  peerCertificates(): Uint8Array[] {
    return [Uint8Array.of(0x30)];
  }

  applicationProtocol(): string {
    return 'kwik/1';
  }

  peerAddress(): BackendAddress {
    return this.peer;
  }

  streamFinished(): boolean {
    return false;
  }

  isReadable(): boolean {
    return [...this.readableStreams()].length > 0;
  }

  *readableStreams(): Iterable<number> {
    for (const [id, stream] of this.streams) if (stream.readable.length > 0 || stream.ended) yield id;
  }

  /** The peer sends `data` on a stream. */
  arrive(id: number, data: Uint8Array, fin = false): void {
    const stream = this.stream(id);
    if (data.length > 0) stream.readable.push(data);
    stream.ended = fin;
  }

  streamReceive(id: number, out: Uint8Array, result: StreamReadResult): void {
    const stream = this.stream(id);
    const next = stream.readable.shift();
    const data = next?.subarray(0, out.length);
    if (next !== undefined && next.length > out.length) stream.readable.unshift(next.subarray(out.length));
    result.bytes = data?.length ?? (stream.ended ? 0 : -1);
    result.resetCode = -1;
    result.fin = stream.ended && stream.readable.length === 0;
    if (result.fin) stream.ended = false;
    if (data !== undefined) out.set(data);
  }

  streamSend(id: number, data: Uint8Array, fin: boolean): number | StreamRefusal {
    const stream = this.stream(id);
    if (stream.stopped !== undefined) return { kind: 'stopped', code: stream.stopped };
    const taken = Math.min(data.length, this.roomAtReceive, stream.credit);
    stream.buffered += taken;
    stream.credit -= taken;
    this.roomAtReceive -= taken;
    if (fin && taken === data.length) stream.finPending = true;
    return taken;
  }

  streamCapacity(id: number): number | StreamRefusal {
    const stream = this.stream(id);
    if (stream.stopped !== undefined) return { kind: 'stopped', code: stream.stopped };
    return Math.min(this.roomAtReceive, stream.credit);
  }

  streamReset(id: number): void {
    this.stream(id).buffered = 0;
  }

  streamStop(id: number): void {
    this.stream(id).readable = [];
  }

  streamsLeft(): number {
    return 100;
  }

  createStream(id: number): boolean {
    this.stream(id);
    return true;
  }

  elicitAcknowledgement(): void {
    // Nothing of it shows.
  }

  pathStats(): BackendPathStats {
    return {
      rttMs: this.rttMs,
      cwndBytes: this.cwndBytes,
      deliveryRateBytesPerSecond: 0,
      sentPackets: this.datagrams.length,
      receivedPackets: 0,
      lostPackets: 0,
      lostBytes: 0,
      sentBytes: this.datagrams.reduce((sum, bytes) => sum + bytes, 0),
      receivedBytes: this.received.reduce((sum, datagram) => sum + datagram.length, 0),
      retransmittedBytes: 0,
    };
  }

  stream(id: number): FakeStream {
    let stream = this.streams.get(id);
    if (stream === undefined) {
      stream = {
        credit: this.streamCredit,
        buffered: 0,
        finPending: false,
        finSent: false,
        sent: 0,
        stopped: undefined,
        readable: [],
        ended: false,
      };
      this.streams.set(id, stream);
    }
    return stream;
  }

  /** As quiche does: counted anew when packets come, without regard to what is buffered. */
  private refreshRoom(): void {
    this.roomAtReceive = Math.max(0, this.cwndBytes - this.inFlight);
  }

  private record(bytes: number): number {
    this.datagrams.push(bytes);
    return bytes;
  }
}
