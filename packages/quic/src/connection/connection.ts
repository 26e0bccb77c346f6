import {
  KwikError,
  type PathTransport,
  type PathTransportHandler,
  type TransportAddress,
  type TransportStats,
  type TransportStream,
} from '@kwik/wire';
import type { BackendAddress, BackendConnection } from '../backends/backend.js';
import { AckDelay } from './ack-delay.js';
import { PROTOCOL_VIOLATION } from './close-codes.js';
import type { ConnectionHost, ConnectionSettings, HandshakeParty } from './connection-types.js';
import type { HeapItem } from '../endpoint/deadline-heap.js';
import { Ending } from './ending.js';
import { Handshake } from './handshake.js';
import { Intake } from './intake.js';
import { Pacer } from './pacer.js';
import { PathSampler, STATS_AGE_MS } from './path-sampler.js';
import { PathWatch } from './path-watch.js';
import { movedTo } from './peer-address.js';
import { Receiver } from './receiver.js';
import { Sender } from './sender.js';
import { StreamCommands } from './stream-commands.js';
import { StreamNews } from './stream-news.js';
import { StreamTable } from './stream-table.js';
import { checkedCode, type QuicStream } from './stream.js';
import { transportStats } from './transport-stats.js';
import { TurnSpacing } from './turn-spacing.js';

/**
 * One QUIC connection: a backend's state machine, driven by the endpoint. Datagrams are handed in as they come
 * (`receive`); everything else happens in turns of two halves, at most once per turn of Node's loop: handlers are called
 * in `deliver`, never inside a call of the application, and packets are sent in `transmit`.
 */
export class Connection implements PathTransport, HeapItem {
  readonly side: 'client' | 'server';
  readonly local: TransportAddress;
  /** Where the peer is now; one behind a NAT may move (RFC 9000, section 9.3). */
  remote: TransportAddress;
  readonly id: Uint8Array;
  peerCertificates: readonly Uint8Array[] = [];
  channelBinding = new Uint8Array(0);
  heapIndex = -1;
  deadlineMs = 0;
  waiting = false;
  answering = false;
  private phase: 'handshake' | 'open' | 'flushing' | 'ended' = 'handshake';
  private handler: PathTransportHandler | undefined;
  private inTurn = false;
  /** A stream was attached or resumed while others were read. */
  private readAgain = false;
  /** The next turn sends, even if only acknowledgements are due. */
  private urgent = true;
  private receivedMs: number;
  private backendDeadlineMs = Infinity;
  private readonly pacer: Pacer;
  private readonly sampler = new PathSampler();
  private readonly sender: Sender;
  private readonly receiver: Receiver;
  private readonly streams: StreamTable;
  private readonly news: StreamNews;
  private readonly intake: Intake;
  private readonly watch: PathWatch;
  private readonly acks = new AckDelay();
  private readonly spacing = new TurnSpacing();
  private readonly ending: Ending;
  private readonly handshake: Handshake;

  constructor(
    readonly backend: BackendConnection,
    settings: ConnectionSettings,
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
    this.pacer = new Pacer(transport.pacing, transport.congestionControl, transport.datagramBytes, now);
    this.ending = new Ending(backend);
    this.handshake = new Handshake(backend, settings, party);
    const commands = new StreamCommands(
      () => this.sender,
      () => this.streams,
      this,
    );
    this.streams = new StreamTable(settings.side, backend, host.blocks, commands);
    const output = {
      slot: () => host.slot(this),
      submit: (bytes: number) => this.submit(bytes),
      congested: () => host.congested(),
    };
    this.sender = new Sender(backend, this.pacer, this.sampler, output, this.streams.all, transport);
    this.news = new StreamNews(this.streams, this.sender);
    this.receiver = new Receiver(backend, host.slab, {
      streamFor: (id) => this.streamFor(id),
      closed: () => this.closed,
      receiveDone: (stream) => this.streams.settle(stream),
    });
    this.intake = new Intake(backend, this.streams, this.receiver, settings, host.pieces, now);
    this.watch = new PathWatch(backend, this.sampler, this.pacer, this.sender, this.intake.guard, this.streams.all);
  }

  get closed(): boolean {
    return this.phase === 'ended' || this.phase === 'flushing';
  }

  attach(handler: PathTransportHandler): void {
    if (this.handler !== undefined) throw new KwikError('ERR_KWIK_INVALID_STATE', 'the transport has a handler');
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

  ping(): void {
    this.sender.ping();
    this.wake();
  }

  stats(): TransportStats {
    const now = this.currentMs();
    if (this.phase === 'open' && this.sampler.older(now, STATS_AGE_MS)) this.watch.sample(now);
    return transportStats(this.sampler, this.sender);
  }

  acceptPeer(): void {
    this.intake.accept();
  }

  close(code: number, reason: string): void {
    checkedCode(code);
    if (this.phase !== 'open') return;
    this.ending.wish(code, reason, this.currentMs());
    this.phase = 'flushing';
    this.wake();
  }

  // --- For the endpoint ---

  get datagramBytes(): number {
    return this.sender.sizes.slotBytes;
  }

  /** The handshake is not complete. */
  get halfOpen(): boolean {
    return this.phase === 'handshake';
  }

  get ended(): boolean {
    return this.phase === 'ended';
  }

  /** A peer that is known may be heard from another port: its NAT has forgotten it. */
  mayMove(now: number): boolean {
    return this.side === 'server' && this.phase === 'open' && this.watch.canMove(now);
  }

  /** Packets may still come for it, and are to be answered or ignored (RFC 9000, section 10.2). */
  get lingers(): boolean {
    return this.backend.draining() && !this.backend.closed();
  }

  /** Gives up a handshake; does nothing after it. */
  abandon(error: KwikError): void {
    if (this.phase === 'handshake') this.fail(error, 0);
  }

  /** Ends the connection for an error on this side: `transportCode` is what the peer is told. */
  fail(error: KwikError, transportCode: number): void {
    if (this.phase !== 'ended' && this.ending.fail(error, transportCode, this.currentMs())) this.wake();
  }

  /** The endpoint closes. */
  shutDown(): void {
    const why = 'the endpoint was closed';
    if (this.phase === 'open' && this.handler !== undefined) this.close(0, why);
    else if (this.phase !== 'flushing') this.fail(new KwikError('ERR_KWIK_ABORTED', why), 0);
  }

  /** One packet or a datagram of several, from `remote` unless said. False when it was not authentic. */
  receive(packet: Uint8Array, now: number, from?: BackendAddress): boolean {
    if (this.phase === 'ended') {
      const bytes = this.ending.answer(this.host.slot(this));
      if (bytes > 0) this.host.submit(this, bytes);
      return true;
    }
    const step = this.phase === 'handshake' ? this.handshake : undefined;
    step?.beforePacket(packet);
    const outcome = this.intake.take(packet, from, step === undefined);
    // Anybody may have sent what is not authentic: neither is the peer alive for it, nor is anything done.
    if (outcome === 'ignored') return false;
    if (outcome === 'taken') {
      this.receivedMs = now;
      step?.onPacketTaken();
      if (from !== undefined) this.remote = movedTo(this.remote, this.backend.peerAddress());
      const problem = step === undefined ? this.intake.problem(now) : undefined;
      if (problem !== undefined) this.fail(problem, PROTOCOL_VIOLATION);
    }
    this.sender.onReceived(now);
    this.news.onReceived(now);
    this.acks.received(now);
    if (!this.inTurn) this.host.wakeBy(this, this.spacing.received(now, this.sampler.minRttMs), now);
    return true;
  }

  /** A packet of no connection that may be the stateless reset of this one (RFC 9000, section 10.3.1). */
  receiveReset(packet: Uint8Array): void {
    if (this.phase === 'ended' || this.backend.closed()) return;
    // Without the token it is no packet of this connection, and nothing comes of it.
    this.backend.receive(packet);
    if (this.backend.closed()) this.host.wake(this);
  }

  /** The deadline has come. */
  expire(now: number): void {
    if (now < this.backendDeadlineMs) return;
    this.backend.onTimeout();
    this.sender.onTimeout(now);
    this.urgent = true;
  }

  /** The first half of a turn: handlers are told what came. */
  deliver(now: number): void {
    this.now = now;
    this.inTurn = true;
    this.spacing.taken(now);
    try {
      // At once goes what no application adds to, and what waited for the window: who writes more sees what that leaves.
      const sendsNow = this.phase === 'handshake' || this.sender.holdsBytes;
      if (this.phase === 'handshake') this.shakeHands();
      if (this.phase === 'open' || this.phase === 'flushing') this.work();
      if (sendsNow && this.phase !== 'ended') this.send();
    } finally {
      this.inTurn = false;
    }
  }

  /** The second half: what is due is sent. */
  transmit(now: number): void {
    this.now = now;
    this.inTurn = true;
    if (now >= this.acks.dueMs) this.urgent = true;
    try {
      if (this.phase !== 'ended' && !this.holdsAcknowledgement()) this.send();
      // What came last may be all that the peer said before it closed.
      if (this.spacing.dueMs === Infinity) this.observeEnd();
      this.tellEnd();
    } finally {
      this.inTurn = false;
      this.urgent = false;
    }
    const timeoutMs = this.backend.timeoutMs();
    // Rounded down by the backend: called sooner it would do nothing and ask again at once.
    this.backendDeadlineMs = timeoutMs === undefined ? Infinity : this.now + timeoutMs + 1;
    if (this.phase !== 'ended' && this.hasMore()) this.host.wake(this);
  }

  /** When the endpoint should call `expire` and the halves next; Infinity when never. */
  nextDeadlineMs(): number {
    if (this.phase === 'ended') return this.backendDeadlineMs;
    const handshakeMs = this.phase === 'handshake' ? this.handshake.deadlineMs : Infinity;
    const newsMs = this.phase === 'open' ? this.news.dueMs : Infinity;
    return Math.min(
      this.backendDeadlineMs,
      handshakeMs,
      newsMs,
      this.sender.wakeAtMs,
      this.ending.dueMs,
      this.acks.dueMs,
      this.spacing.dueMs,
    );
  }

  // --- A turn's parts ---

  private shakeHands(): void {
    if (this.ending.isOver(this.now) || this.ending.error !== undefined) return;
    const step = this.handshake.step(this, this.intake.guard.receivedBytes, this.now);
    if (step.kind === 'waiting') return;
    if (step.kind === 'failed') {
      this.fail(step.error, step.transportCode);
      return;
    }
    this.phase = 'open';
    this.watch.sample(this.now);
    this.party.completed(this);
  }

  private work(): void {
    const problem = this.watch.problem(this.receiver.deliveredBytes, this.now);
    if (problem !== undefined) {
      this.fail(problem, PROTOCOL_VIOLATION);
      return;
    }
    this.news.findStopped(this.now);
    if (this.phase !== 'open' || this.handler === undefined) return;
    this.receiver.deliver();
    this.news.tell(() => this.closed);
    if (!this.closed && this.sender.takeSendableEdge(this.now)) this.handler.onSendable();
  }

  private send(): void {
    this.acks.sent();
    this.sender.transmit(this.now);
  }

  /** Acknowledgements alone can wait a little; all else makes the turn urgent. */
  private holdsAcknowledgement(): boolean {
    if (this.phase !== 'open' || this.urgent || this.sender.hasMore) return false;
    return this.acks.mayWait(this.now, this.sender.quietFor(this.now), this.sampler.rttMs);
  }

  /** Another turn is needed although nothing comes in between. */
  private hasMore(): boolean {
    if (this.sender.hasMore) return true;
    if (this.phase !== 'open' || this.handler === undefined) return false;
    const readMore = this.readAgain && this.backend.isReadable();
    this.readAgain = false;
    return readMore || this.news.owed || this.sender.sendableEdge(this.now);
  }

  private observeEnd(): void {
    if (this.phase === 'ended') return;
    if (this.phase === 'flushing' && this.ending.closeAsWished(this.sender.drained, this.now)) this.send();
    if (!this.ending.isOver(this.now)) return;
    const wasHandshake = this.phase === 'handshake';
    // What came before the end waits, as the end does, until somebody is there to hear of it.
    if (this.phase === 'open' && this.handler === undefined && this.ending.error === undefined) return;
    this.phase = 'ended';
    const info = this.ending.conclude();
    this.streams.clear();
    this.intake.clear();
    this.host.ended(this);
    if (!wasHandshake) return;
    this.ending.takeUntold();
    this.party.failed(this, info, this.ending.error);
  }

  private tellEnd(): void {
    if (this.phase !== 'ended' || this.handler === undefined) return;
    const info = this.ending.takeUntold();
    if (info !== undefined) this.handler.onClose(info);
  }

  // --- For streams ---

  private streamFor(id: number): QuicStream | undefined {
    const known = this.streams.all.get(id);
    if (known !== undefined || this.phase !== 'open') return known;
    return this.streams.announce(id, this.handler);
  }

  accept(stream: QuicStream, data: Uint8Array): number {
    if (this.phase !== 'open') return 0;
    const count = this.sender.accept(stream, data, this.currentMs());
    this.wake();
    return count;
  }

  readMore(): void {
    if (this.inTurn || this.answering) this.readAgain = true;
    else this.wake();
  }

  // --- Helpers ---

  private submit(bytes: number): void {
    this.ending.onDatagram(this.host.slot(this), bytes);
    this.host.submit(this, bytes);
  }

  /** Something is to be sent, or told. */
  wake(): void {
    this.urgent = true;
    if (!this.inTurn && !this.answering && this.phase !== 'ended') this.host.wake(this);
  }

  /** Within the half of a turn time stands still. */
  private currentMs(): number {
    return this.inTurn ? this.now : this.host.now();
  }
}
