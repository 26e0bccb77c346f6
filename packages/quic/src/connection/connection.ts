import {
  KwikError,
  type AcceptedPeer,
  type PathTransport,
  type PathTransportHandler,
  type TransportAddress,
  type TransportStats,
  type TransportStream,
} from '@kwik/wire';
import type { BackendAddress, BackendConnection } from '../backends/backend.js';
import { PROTOCOL_VIOLATION } from './close-codes.js';
import type { ConnectionHost, ConnectionSettings, HandshakeParty } from './connection-types.js';
import { Handshake } from './handshake.js';
import { Intake } from './intake.js';
import { Pacer } from './pacer.js';
import { Lifecycle, type Phase } from './lifecycle.js';
import { PathSampler } from './path-sampler.js';
import { PathWatch } from './path-watch.js';
import { ProcessorAccount } from './processor-account.js';
import { Receiver } from './receiver.js';
import { Sender } from './sender.js';
import { SmallPieces } from './small-pieces.js';
import { StreamCommands } from './stream-commands.js';
import { StreamTable } from './stream-table.js';
import { checkedCode, type QuicStream } from './stream.js';
import { TurnState } from './turn-state.js';
import { WriterEvents } from './writer-events.js';

/**
 * One QUIC connection: a backend's state machine, driven by the endpoint. Datagrams are handed in as they come
 * (`receive`); everything else happens in turns of two halves, at most once per turn of Node's loop: handlers are called
 * in `deliver`, never inside a call of the application, and packets are sent in `transmit`.
 */
export class Connection implements PathTransport {
  readonly side: 'client' | 'server';
  readonly local: TransportAddress;
  /** Where the peer is now; one behind a NAT may move (RFC 9000, section 9.3). */
  remote: TransportAddress;
  readonly id: Uint8Array;
  peerCertificates: readonly Uint8Array[] = [];
  channelBinding = new Uint8Array(0);
  answered?: Promise<boolean>;
  /** Kept by the endpoint's loop of turns, as the next three. */
  heapIndex = -1;
  deadlineMs = 0;
  waiting = false;
  answering = false;
  private handler: PathTransportHandler | undefined;
  private readonly turn: TurnState;
  readonly processor: ProcessorAccount;
  private receivedMs: number;
  private backendDeadlineMs = Infinity;
  private readonly pacer: Pacer;
  private readonly sender: Sender;
  private readonly receiver: Receiver;
  private readonly streams: StreamTable;
  private readonly writers: WriterEvents;
  private readonly intake: Intake;
  private readonly watch: PathWatch;
  private readonly life: Lifecycle;
  private readonly handshake: Handshake<Connection>;

  constructor(
    readonly backend: BackendConnection,
    settings: ConnectionSettings,
    private readonly host: ConnectionHost<Connection>,
    private readonly party: HandshakeParty<Connection>,
    now: number,
    private readonly sampler = new PathSampler(settings.transport),
  ) {
    const { transport } = settings;
    this.side = settings.side;
    this.local = settings.local;
    this.remote = settings.remote;
    this.id = settings.id;
    this.receivedMs = now;
    this.turn = new TurnState(now);
    this.processor = new ProcessorAccount(host, now);
    if (settings.stranger !== undefined) this.processor.belongTo({ peer: settings.stranger, weight: 1 }, now);
    this.pacer = new Pacer(transport.pacing, transport.congestionControl, transport.datagramBytes, now);
    this.life = new Lifecycle(backend);
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
      congested: () => host.congested(this),
    };
    this.sender = new Sender(backend, this.pacer, this.sampler, output, this.streams.all, transport);
    this.writers = new WriterEvents(this.streams, this.sender);
    this.receiver = new Receiver(backend, host.slab, {
      streamFor: (id) => this.streamFor(id),
      closed: () => this.closed,
      receiveDone: (stream) => this.streams.settle(stream),
    });
    const pieces = new SmallPieces(this.streams, host.pieces);
    this.intake = new Intake(backend, pieces, this.receiver, settings, this.processor, now);
    this.watch = new PathWatch(backend, this.sampler, this.pacer, this.sender, this.intake.guard, this.streams.all);
  }

  private get phase(): Phase {
    return this.life.phase;
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
    return this.watch.stats(this.phase === 'open', this.currentMs());
  }

  acceptPeer(whose?: AcceptedPeer): void {
    this.intake.accept();
    if (whose !== undefined) this.processor.belongTo(whose, this.currentMs());
  }

  close(code: number, reason: string): void {
    checkedCode(code);
    if (this.life.close(code, reason, this.currentMs())) this.wake();
  }

  // --- For the endpoint ---

  get datagramBytes(): number {
    return this.sender.sizes.slotBytes;
  }

  /** The handshake is not complete. */
  get halfOpen(): boolean {
    return this.phase !== 'ended' && this.handshake.pending;
  }

  get ended(): boolean {
    return this.phase === 'ended';
  }

  /** A peer that is known may be heard from another port: its NAT has forgotten it. */
  mayMove(now: number): boolean {
    return this.side === 'server' && this.phase === 'open' && !this.halfOpen && this.watch.canMove(now);
  }

  /** Packets may still come for it, and are to be answered or ignored (RFC 9000, section 10.2). */
  get lingers(): boolean {
    return this.backend.draining() && !this.backend.closed();
  }

  /** Gives up a handshake; does nothing after it. */
  abandon(error: KwikError): void {
    if (this.halfOpen) this.fail(error, 0);
  }

  /** Ends the connection for an error on this side: `transportCode` is what the peer is told. */
  fail(error: KwikError, transportCode: number): void {
    if (this.life.fail(error, transportCode, this.currentMs())) this.wake();
  }

  /** The endpoint closes. */
  shutDown(): void {
    const why = 'the endpoint was closed';
    if (this.phase === 'open' && this.handler !== undefined) this.close(0, why);
    else if (this.phase !== 'flushing') this.fail(new KwikError('ERR_KWIK_ABORTED', why), 0);
  }

  /** One packet or a datagram of several, from `remote` unless said. False when it was not authentic. */
  receive(packet: Uint8Array, now: number, from?: BackendAddress): boolean {
    if (!this.processor.hold(packet, from, now)) return this.process(packet, now, from);
    this.host.wake(this);
    return true;
  }

  private process(packet: Uint8Array, now: number, from?: BackendAddress): boolean {
    if (this.phase === 'ended') {
      const bytes = this.life.answer(this.host.slot(this));
      if (bytes > 0) this.host.submit(this, bytes);
      return true;
    }
    const step = this.phase === 'handshake' ? this.handshake : undefined;
    step?.beforePacket(packet);
    const outcome = this.intake.take(packet, from, step === undefined ? this.turn.timing : 'none');
    // Anybody may have sent what is not authentic: neither is the peer alive for it, nor is anything done.
    if (outcome === 'ignored') return false;
    if (outcome === 'taken') {
      this.receivedMs = now;
      step?.onPacketTaken();
      if (from !== undefined) this.remote = this.watch.follow(this.remote);
      const problem = step === undefined ? this.intake.problem(now) : undefined;
      if (problem !== undefined) this.fail(problem, PROTOCOL_VIOLATION);
    }
    this.sender.onReceived(now);
    this.writers.onReceived(now);
    const dueMs = this.turn.received(now, this.sampler.minRttMs);
    if (!this.turn.running) this.host.wakeBy(this, dueMs, now);
    return true;
  }

  /** A packet of no connection that may be the stateless reset of this one (RFC 9000, section 10.3.1). */
  receiveReset(packet: Uint8Array): void {
    if (this.phase === 'ended' || this.backend.closed()) return;
    // Without the token it is no packet of this connection, and nothing comes of it.
    this.backend.receive(packet);
    if (this.backend.closed()) this.host.wake(this);
  }

  expire(now: number): void {
    if (now < this.backendDeadlineMs) return;
    this.backend.onTimeout();
    this.sender.onTimeout(now);
    this.turn.wantToSend();
  }

  /** The first half of a turn: handlers are told what came. */
  deliver(now: number): void {
    this.turn.beginDelivery(now);
    try {
      this.processHeld(now);
      this.turn.takeReceived();
      // At once goes what no application adds to, and what waited for the window: who writes more sees what that leaves.
      const sendsNow = this.phase === 'handshake' || this.sender.holdsBytes;
      if (this.halfOpen) this.shakeHands();
      if (this.phase === 'open' || this.phase === 'flushing') this.work();
      if (sendsNow && this.phase !== 'ended') this.send();
      // A client has the keys of 0-RTT once its first packet is made.
      if (this.phase === 'handshake') this.shakeHands();
    } finally {
      this.turn.endDelivery();
    }
  }

  /** The second half: what is due is sent. */
  transmit(now: number): void {
    this.turn.beginTransmission(now);
    try {
      if (this.phase !== 'ended' && !this.holdsAcknowledgement()) this.send();
      // What came last may be all that the peer said before it closed.
      if (!this.turn.hasReceived && !this.processor.hasHeld) this.observeEnd();
      if (this.handler !== undefined) this.life.tell(this.handler);
    } finally {
      this.turn.endTransmission();
    }
    const timeoutMs = this.backend.timeoutMs();
    // Rounded down by the backend: called sooner it would do nothing and ask again at once.
    this.backendDeadlineMs = timeoutMs === undefined ? Infinity : this.turn.nowMs + timeoutMs + 1;
    if (this.phase !== 'ended' && this.hasMore()) this.host.wake(this);
  }

  get owesAcknowledgement(): boolean {
    return this.phase === 'open' && !this.halfOpen && this.turn.owesAcknowledgement;
  }

  /** When the endpoint should call `expire` and the halves next; Infinity when never. */
  nextDeadlineMs(): number {
    if (this.phase === 'ended') return this.backendDeadlineMs;
    const writersMs = this.phase === 'open' ? this.writers.dueMs : Infinity;
    const ownMs = Math.min(this.handshake.deadlineMs, this.sender.wakeAtMs, this.life.dueMs, this.turn.dueMs);
    return Math.min(this.backendDeadlineMs, writersMs, ownMs);
  }

  // --- A turn's parts ---

  /** What came while others went first. */
  private processHeld(now: number): void {
    while (!this.turn.isTimeUp(this.host.now())) {
      const next = this.processor.takeHeld();
      if (next === undefined) return;
      // What QUIC could not authenticate is not the peer's doing.
      if (!this.process(next.packet, now, next.from)) this.processor.explain(next.packet.length);
    }
  }

  private shakeHands(): void {
    if (this.life.error !== undefined) return;
    const { nowMs } = this.turn;
    const step = this.handshake.step(this, this.intake.guard.receivedBytes, nowMs, this.life.isOver(nowMs));
    if (step.kind === 'failed') this.fail(step.error, step.transportCode);
    if (step.kind === 'failed' || step.kind === 'waiting') return;
    if (step.kind === 'done') this.party.completed(this);
    if (this.phase !== 'handshake') return;
    this.life.open();
    this.watch.sample(this.turn.nowMs);
    this.party.opened(this);
  }

  private work(): void {
    // Of a server that turned out to be another one nothing is told.
    if (this.life.error !== undefined && !this.handshake.mayRead) return;
    const problem = this.watch.problem(this.receiver.deliveredBytes, this.turn.nowMs);
    if (problem !== undefined) {
      this.fail(problem, PROTOCOL_VIOLATION);
      return;
    }
    this.writers.findStopped(this.turn.nowMs);
    this.handshake.collectTicket(this);
    if (this.phase !== 'open' || this.handler === undefined) return;
    this.turn.beginPart(this.host.now());
    const isDone = !this.handshake.mayRead || this.receiver.deliver(() => this.turn.isTimeUp(this.host.now()));
    if (!isDone) this.turn.wantToRead();
    this.writers.tell(() => this.closed);
    if (!this.closed && this.sender.takeSendableEdge(this.turn.nowMs)) this.handler.onSendable();
  }

  private send(): void {
    this.turn.sent();
    this.sender.transmit(this.turn.nowMs);
  }

  /** Acknowledgements alone can wait a little; all else makes the turn urgent. */
  private holdsAcknowledgement(): boolean {
    if (this.phase !== 'open' || this.halfOpen || this.sender.hasMore) return false;
    return this.turn.holdsAcknowledgement(this.sender.quietFor(this.turn.nowMs), this.sampler.rttMs);
  }

  /** Another turn is needed although nothing comes in between. */
  private hasMore(): boolean {
    if (this.sender.hasMore || this.processor.hasHeld) return true;
    if (this.phase !== 'open' || this.handler === undefined) return false;
    if (this.turn.takeReadMore() && this.backend.isReadable()) return true;
    return this.writers.pending || this.sender.sendableEdge(this.turn.nowMs);
  }

  private observeEnd(): void {
    const now = this.turn.nowMs;
    if (this.life.closeWhenFlushed(() => this.sender.drained, now)) this.send();
    const info = this.life.end(this.handler !== undefined, now);
    if (info === undefined) return;
    this.streams.clear();
    this.processor.clear();
    this.intake.clear();
    this.host.ended(this);
    if (this.handshake.pending) this.life.explain(this.party.failed(this, info, this.life.error));
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
    if (this.turn.running || this.answering) this.turn.wantToRead();
    else this.wake();
  }

  private submit(bytes: number): void {
    this.processor.explain(bytes);
    this.life.onDatagram(this.host.slot(this), bytes);
    this.host.submit(this, bytes);
  }

  /** Something is to be sent, or told. */
  wake(): void {
    this.turn.wantToSend();
    if (!this.turn.running && !this.answering && this.phase !== 'ended') this.host.wake(this);
  }

  /** Within the half of a turn time stands still. */
  private currentMs(): number {
    return this.turn.running ? this.turn.nowMs : this.host.now();
  }
}
