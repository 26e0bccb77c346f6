import {
  KwikError,
  type PathTransport,
  type PathTransportHandler,
  type TransportAddress,
  type TransportCloseInfo,
  type TransportStats,
  type TransportStream,
} from '@kwik/wire';
import type { BackendConnection } from './backend.js';
import type { BlockPool } from './byte-queue.js';
import { ClosingDatagram, closeInfo, type CloseRequest } from './close-info.js';
import type { HeapItem } from './deadline-heap.js';
import { Pacer } from './pacer.js';
import { PathSampler } from './path-sampler.js';
import type { ReceiveSlab } from './receive-slab.js';
import { Receiver } from './receiver.js';
import { Sender } from './sender.js';
import { StreamTable } from './stream-table.js';
import { checkedCode, type QuicStream } from './stream.js';
import type { ResolvedTransport } from './options.js';
import { TrafficGuard } from './traffic-guard.js';

/** What a connection needs of its endpoint. */
export interface ConnectionHost {
  now(): number;
  readonly slab: ReceiveSlab;
  readonly blocks: BlockPool;
  /** Asks for a turn soon; never calls back at once. */
  wake(connection: Connection): void;
  /** Memory for the next datagram. */
  slot(connection: Connection): Buffer;
  submit(connection: Connection, bytes: number): void;
  congested(): boolean;
  /** The connection's end is known and its handler has been told; packets may still come for a while. */
  ended(connection: Connection): void;
}

/** The part that differs between the two sides of a handshake. */
export interface HandshakeParty {
  /** TLS is through. An error refuses the peer: `tlsAlert` is what it is told. */
  check(connection: Connection): { readonly error: KwikError; readonly tlsAlert: number } | undefined;
  /** The connection may be used. */
  completed(connection: Connection): void;
  /** It never will be. */
  failed(connection: Connection, info: TransportCloseInfo, refusal: KwikError | undefined): void;
  /** Whether more than the end of TLS is needed: a word from the peer after it. */
  readonly awaitsPeer: boolean;
}

export interface ConnectionSettings {
  readonly side: 'client' | 'server';
  readonly local: TransportAddress;
  readonly remote: TransportAddress;
  readonly id: Uint8Array;
  readonly transport: ResolvedTransport;
  /** When the handshake must be done, ms on the endpoint's clock. */
  readonly handshakeDeadlineMs: number;
  readonly onHandshakeTimeout: () => KwikError;
}

type Phase = 'handshake' | 'open' | 'flushing' | 'ended';

/** RFC 9000, section 20.2: CRYPTO_ERROR plus the TLS alert. */
const CRYPTO_ERROR = 0x100;
/** How long `close` waits for window and pacing to let out what was written. */
const CLOSE_FLUSH_MS = 1_000;
/** How long a close frame may wait for room in the congestion window. */
const CLOSE_LEAVE_MS = 500;
/** A close frame must fit one datagram. */
const MAX_REASON_LENGTH = 256;

/** One QUIC connection: a backend's state machine, driven in turns by the endpoint. */
export class Connection implements PathTransport, HeapItem {
  readonly side: 'client' | 'server';
  readonly local: TransportAddress;
  readonly remote: TransportAddress;
  readonly id: Uint8Array;
  peerCertificates: readonly Uint8Array[] = [];
  heapIndex = -1;
  deadlineMs = 0;
  /** In the endpoint's list of those that wait for a turn. */
  waiting = false;
  private phase: Phase = 'handshake';
  private handler: PathTransportHandler | undefined;
  private inTurn = false;
  private receivedMs: number;
  private peerSpoke = false;
  private refusal: KwikError | undefined;
  private closeRequest: CloseRequest | undefined;
  private backendDeadlineMs = Infinity;
  private readonly pacer: Pacer;
  private readonly sampler = new PathSampler();
  private readonly sender: Sender;
  private readonly receiver: Receiver;
  private readonly streams: StreamTable;
  private readonly guard: TrafficGuard;
  private readonly closingDatagram = new ClosingDatagram();
  /** The backend was told to close. */
  private closing = false;
  /** When the end is told although the close frame has not left, ms. */
  private giveUpMs = Infinity;
  private untoldEnd: TransportCloseInfo | undefined;

  constructor(
    readonly backend: BackendConnection,
    private readonly settings: ConnectionSettings,
    private readonly host: ConnectionHost,
    private readonly party: HandshakeParty,
    private now: number,
  ) {
    const { transport } = settings;
    this.side = settings.side;
    this.local = settings.local;
    this.remote = settings.remote;
    this.id = settings.id;
    this.receivedMs = now;
    this.pacer = new Pacer(transport.pacing, transport.datagramBytes, now);
    this.guard = new TrafficGuard(transport.connectionWindowBytes);
    this.streams = new StreamTable(this.side, backend, host.blocks, {
      accept: (stream, data) => this.accept(stream, data),
      finish: (stream) => {
        this.sender.finish(stream);
        this.wake();
      },
      reset: (stream, code) => this.resetStream(stream, code),
      stop: (stream, code) => this.stopStream(stream, code),
      readMore: () => this.wake(),
    });
    const output = {
      slot: () => host.slot(this),
      submit: (bytes: number) => this.submit(bytes),
      congested: () => host.congested(),
    };
    this.sender = new Sender(backend, this.pacer, this.sampler, output, this.streams.all, transport);
    this.receiver = new Receiver(backend, host.slab, {
      streamFor: (id) => this.streamFor(id),
      receiveDone: (stream) => this.streams.settle(stream),
    });
  }

  get closed(): boolean {
    return this.phase === 'ended' || this.phase === 'flushing';
  }

  /** The handshake is not complete. */
  get halfOpen(): boolean {
    return this.phase === 'handshake';
  }

  get datagramBytes(): number {
    return this.settings.transport.datagramBytes;
  }

  /** The end was told; nothing more will be. */
  get ended(): boolean {
    return this.phase === 'ended';
  }

  attach(handler: PathTransportHandler): void {
    if (this.handler !== undefined) throw new KwikError('ERR_KWIK_INVALID_STATE', 'the transport has a handler already');
    this.handler = handler;
    this.host.wake(this);
  }

  openStream(options: { unidirectional: boolean }): TransportStream | undefined {
    if (this.phase !== 'open') return undefined;
    const stream = this.streams.open(options.unidirectional);
    if (stream !== undefined) this.sender.onStreamOpened();
    return stream;
  }

  sendableBytes(): number {
    return this.phase === 'open' ? this.sender.sendable(this.currentMs()) : 0;
  }

  lastReceivedMs(): number {
    return this.receivedMs;
  }

  stats(): TransportStats {
    const latest = this.sampler.latest;
    return {
      rttMs: this.sampler.rttMs,
      minRttMs: this.sampler.minRttMs,
      rttVarMs: this.sampler.rttVarMs,
      cwndBytes: latest.cwndBytes,
      bytesInFlight: this.phase === 'open' ? this.sender.inFlightBytes : 0,
      unsentBytes: this.sender.unsentBytes,
      deliveryRateBps: latest.deliveryRateBps,
      sentPackets: latest.sentPackets,
      lostPackets: latest.lostPackets,
      sentBytes: latest.sentBytes,
      receivedBytes: latest.receivedBytes,
      datagramBytes: this.datagramBytes,
    };
  }

  close(code: number, reason: string): void {
    checkedCode(code);
    if (this.phase !== 'open') return;
    this.closeRequest = { code, reason: reason.slice(0, MAX_REASON_LENGTH), dueMs: this.currentMs() + CLOSE_FLUSH_MS };
    this.phase = 'flushing';
    this.wake();
  }

  /** Gives up a handshake: the party hears of it, the peer is told. */
  abandon(error: KwikError): void {
    if (this.phase !== 'handshake') return;
    this.fail(error, 0);
  }

  /** Ends the connection for an error on this side: `transportCode` is what the peer is told. */
  fail(error: KwikError, transportCode: number): void {
    if (this.phase === 'ended' || this.refusal !== undefined) return;
    this.now = this.currentMs();
    this.refusal = error;
    this.closeBackend(false, transportCode, '');
    this.wake();
  }

  /** The endpoint closes. */
  shutDown(): void {
    const error = new KwikError('ERR_KWIK_ABORTED', 'the endpoint was closed');
    if (this.phase === 'handshake') this.abandon(error);
    else if (this.handler === undefined) this.fail(error, 0);
    else this.close(0, 'the endpoint was closed');
  }

  /** Packets may still come for it, and are to be answered or ignored (RFC 9000, section 10.2). */
  get lingers(): boolean {
    return this.backend.draining() && !this.backend.closed();
  }

  // --- Called by the endpoint ---

  /** One datagram from the peer. */
  receive(datagram: Uint8Array, now: number, hasShortHeader: boolean): void {
    this.now = now;
    if (this.phase === 'ended') {
      this.resendClose();
      return;
    }
    const wasEstablished = this.phase !== 'handshake' || this.backend.established();
    if (this.backend.receive(datagram)) this.receivedMs = now;
    if (wasEstablished && hasShortHeader) this.peerSpoke = true;
    this.guard.onReceived(datagram.length);
    this.sender.onReceived();
    this.wake();
  }

  /** The deadline has come. */
  expire(now: number): void {
    if (now >= this.backendDeadlineMs) {
      this.backend.onTimeout();
      this.sender.onReceived();
    }
  }

  /** Everything that a connection does, at most once per turn of the loop. */
  turn(now: number): void {
    this.now = now;
    this.inTurn = true;
    try {
      if (this.phase === 'handshake') this.handshake();
      if (this.phase === 'open' || this.phase === 'flushing') this.work();
      if (this.phase !== 'ended') this.sender.transmit(now);
      this.observeEnd();
      this.tellEnd();
    } finally {
      this.inTurn = false;
    }
    this.plan();
  }

  /** When the endpoint should call `expire` and `turn` next; Infinity when never. */
  nextDeadlineMs(): number {
    let deadline = this.backendDeadlineMs;
    if (this.phase === 'handshake') deadline = Math.min(deadline, this.settings.handshakeDeadlineMs);
    if (this.phase === 'flushing' && !this.closing) deadline = Math.min(deadline, this.closeRequest?.dueMs ?? Infinity);
    if (this.phase !== 'ended') deadline = Math.min(deadline, this.sender.wakeAtMs ?? Infinity, this.giveUpMs);
    return deadline;
  }

  // --- Handshake ---

  private handshake(): void {
    if (this.backend.closed() || this.backend.draining() || this.refusal !== undefined) return;
    if (!this.backend.established()) {
      if (this.now >= this.settings.handshakeDeadlineMs) this.abandon(this.settings.onHandshakeTimeout());
      return;
    }
    if (this.party.awaitsPeer && !this.peerSpoke) return;
    this.peerCertificates = this.backend.peerCertificates();
    const refusal = this.party.check(this);
    if (refusal !== undefined) {
      this.fail(refusal.error, CRYPTO_ERROR + refusal.tlsAlert);
      return;
    }
    this.phase = this.closeRequest === undefined ? 'open' : 'flushing';
    this.sample(true);
    this.party.completed(this);
  }

  // --- Work in a turn ---

  private work(): void {
    if (this.guard.exceeded(this.receiver.deliveredBytes, this.sampler.latest.sentBytes)) {
      const text = `the peer sent ${this.guard.receivedBytes} bytes, only ${this.receiver.deliveredBytes} of them stream data`;
      this.fail(new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', text), PROTOCOL_VIOLATION);
      return;
    }
    this.sample(false);
    if (this.phase !== 'open' || this.handler === undefined) return;
    this.receiver.deliver();
    this.tellStreams();
    if (!this.closed && this.sender.takeSendableEdge(this.now)) this.handler.onSendable();
  }

  private sample(now: boolean): void {
    if (!now && !this.sampler.due(this.now)) return;
    const before = this.sampler.latest.retransmittedBytes;
    const stats = this.backend.pathStats();
    if (stats === undefined) return;
    this.sampler.record(stats, true, this.now);
    this.pacer.update(stats.cwndBytes, stats.rttMs, this.now);
    if (stats.retransmittedBytes > before) this.sender.onRetransmission(stats.retransmittedBytes - before);
    this.streams.findStopped((stream, code) => {
      stream.pendingStop = code;
      this.sender.discard(stream);
    });
  }

  /** STOP_SENDING and room for writing, to those who are owed the news. */
  private tellStreams(): void {
    for (const stream of this.streams.all.values()) {
      if (this.closed) return;
      if (stream.handler === undefined) continue;
      if (stream.pendingStop !== undefined) {
        const code = stream.pendingStop;
        stream.pendingStop = undefined;
        this.streams.settle(stream);
        stream.handler.onStopSending(code);
      } else if (stream.wantsWritable && this.sender.writableAgain(stream)) {
        stream.wantsWritable = false;
        stream.handler.onWritable();
      }
    }
  }

  private streamFor(id: number): QuicStream | undefined {
    const known = this.streams.all.get(id);
    if (known !== undefined || this.phase !== 'open') return known;
    const stream = this.streams.adopt(id);
    if (stream === undefined) return undefined;
    this.handler?.onStream(stream);
    if (stream.handler === undefined) {
      // Nobody attached: the peer is told that nobody reads.
      stream.stopSending(0);
      stream.reset(0);
    }
    return stream;
  }

  private accept(stream: QuicStream, data: Uint8Array): number {
    if (this.phase !== 'open') return 0;
    const count = this.sender.accept(stream, data, this.currentMs());
    this.wake();
    return count;
  }

  private resetStream(stream: QuicStream, code: number): void {
    this.sender.discard(stream);
    this.backend.streamReset(stream.id, code);
    this.streams.settle(stream);
    this.wake();
  }

  private stopStream(stream: QuicStream, code: number): void {
    stream.receiveSide = 'done';
    this.backend.streamStop(stream.id, code);
    this.streams.settle(stream);
    this.wake();
  }

  // --- End ---

  private observeEnd(): void {
    if (this.phase === 'ended') return;
    if (this.phase === 'flushing' && !this.closing && this.flushed()) this.sendClose();
    const over = this.backend.draining() || this.backend.closed() || this.now >= this.giveUpMs;
    if (!over) return;
    // What came before the end waits, as the end does, until somebody is there to hear of it.
    if (this.phase === 'handshake' || this.handler !== undefined || this.refusal !== undefined) this.finish();
  }

  private flushed(): boolean {
    return this.sender.drained || this.now >= (this.closeRequest?.dueMs ?? 0);
  }

  private sendClose(): void {
    if (this.closeRequest === undefined) return;
    this.closeBackend(true, this.closeRequest.code, this.closeRequest.reason);
    this.sender.transmit(this.now);
  }

  private closeBackend(application: boolean, code: number, reason: string): void {
    this.closing = true;
    // A full congestion window can hold the close frame back for ever, if the peer is gone.
    if (this.giveUpMs === Infinity) this.giveUpMs = this.now + CLOSE_LEAVE_MS;
    this.backend.close(application, code, reason);
  }

  private finish(): void {
    const wasHandshake = this.phase === 'handshake';
    this.phase = 'ended';
    const info = closeInfo(this.backend, this.closeRequest, this.refusal);
    this.streams.clear();
    this.host.ended(this);
    if (wasHandshake) this.party.failed(this, info, this.refusal);
    else this.untoldEnd = info;
  }

  private tellEnd(): void {
    if (this.untoldEnd === undefined || this.handler === undefined) return;
    const info = this.untoldEnd;
    this.untoldEnd = undefined;
    this.handler.onClose(info);
  }

  private submit(bytes: number): void {
    if (this.closing) this.closingDatagram.remember(this.host.slot(this), bytes);
    this.host.submit(this, bytes);
  }

  private resendClose(): void {
    const last = this.closingDatagram.last;
    if (last === undefined || !this.closingDatagram.shouldResend()) return;
    this.host.slot(this).set(last);
    this.host.submit(this, last.length);
  }

  private plan(): void {
    const timeoutMs = this.backend.timeoutMs();
    // Rounded down by the backend: called sooner it would do nothing and ask again at once.
    this.backendDeadlineMs = timeoutMs === undefined ? Infinity : this.now + timeoutMs + 1;
    if (this.phase !== 'ended' && (this.sender.hasMore || this.owesNews())) this.host.wake(this);
  }

  private owesNews(): boolean {
    if (this.phase !== 'open' || this.handler === undefined) return false;
    return this.sender.sendableEdge(this.now) || this.streams.anyWritable((stream) => this.sender.writableAgain(stream));
  }

  private wake(): void {
    if (!this.inTurn && this.phase !== 'ended') this.host.wake(this);
  }

  private currentMs(): number {
    return this.inTurn ? this.now : this.host.now();
  }
}

/** RFC 9000, section 20.1. */
const PROTOCOL_VIOLATION = 0x0a;
