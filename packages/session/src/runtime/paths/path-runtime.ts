import type { AnswerTo, ControlValues, KcpBody, RequestKind } from '@kwik/kcp';
import { ackDelayForRtt, healthOf, isAlive, PathMachine, QualityMonitor, type PathHealth } from '@kwik/paths';
import {
  KwikError,
  OffsetMap,
  pingFrame,
  PRIMARY_PATH_ID,
  type Clock,
  type PathId,
  type PathReading,
  type proto,
  type TransportCloseInfo,
  type TransportStats,
} from '@kwik/wire';
import type { DataPath, PathPeer } from '../../core/data/data-path.js';
import type { DataPlane } from '../../core/data/data-plane.js';
import { earlierTime } from '../waiting/earlier-time.js';
import { PathConnections, type ConnectionsOwner } from './path-connections.js';
import type { PathPort } from './path-port.js';
import type { ConnectedPath, PathFigures } from './path-registry.js';
import { codeOfClose } from './deaths.js';
import type { PathEvents } from './path-events.js';
import { figuresOf, readingOf } from './path-reading.js';
import { PathLiveness } from './path-liveness.js';
import { TransportRtt } from './transport-rtt.js';

export type PathRuntimeEvents = PathEvents<PathRuntime>;

export interface PathRuntimeOptions {
  readonly id: PathId;
  readonly address: string;
  readonly primary: boolean;
  /** At the client: what the primary lets a further server do. */
  readonly capabilities?: readonly proto.Capability[];
  readonly serverId?: string | undefined;
  /** The relay by way of which the path leads, `host:port`. */
  readonly via?: string | undefined;
  /** For weighted schedulers. Default: 1. */
  readonly weight?: number;
  readonly port: PathPort;
  readonly peer: PathPeer;
  /** The peer can give a living path another connection. Default: it cannot. */
  readonly renews?: boolean;
  /** Silence after which either end gives the connection up, as both announced; 0 for never, which is the default. */
  readonly idleTimeoutMs?: number;
  /** Keeps a map of where bytes went on the wire. */
  readonly offsetMap?: boolean | undefined;
  /** Of the path that had this number before and is dead. Default: a new one. */
  readonly machine?: PathMachine | undefined;
  readonly clock: Clock;
  readonly events: PathRuntimeEvents;
}

/** One established path of a session: its connection, its control channel, its signs of life. */
export class PathRuntime implements ConnectionsOwner, ConnectedPath {
  readonly id: PathId;
  readonly address: string;
  readonly primary: boolean;
  readonly capabilities: readonly proto.Capability[];
  readonly serverId: string | undefined;
  readonly via?: string;
  readonly weight: number;
  /** Where the last pieces of logical streams went in real streams, when that is wanted. */
  readonly offsets: OffsetMap | undefined;
  readonly machine: PathMachine;
  /** The peer can give a living path another connection. */
  readonly #renews: boolean;
  readonly #peer: PathRuntimeOptions['peer'];
  #data: DataPath | undefined;
  readonly #clock: Clock;
  readonly #events: PathRuntimeEvents;
  readonly #connections: PathConnections;
  readonly #liveness: PathLiveness;
  #quality: QualityMonitor;
  #death: KwikError | undefined;
  #closedByPeer = false;
  #pings = 0n;
  #expecting = false;

  constructor(options: PathRuntimeOptions) {
    const now = options.clock.now();
    this.id = options.id;
    this.address = options.address;
    this.primary = options.primary;
    this.capabilities = options.capabilities ?? [];
    this.serverId = options.serverId;
    if (options.via !== undefined) this.via = options.via;
    this.weight = options.weight ?? 1;
    this.offsets = options.offsetMap === true ? new OffsetMap() : undefined;
    this.#peer = options.peer;
    this.#clock = options.clock;
    this.#events = options.events;
    this.#renews = options.renews ?? false;
    this.#connections = new PathConnections(options.port, options.address, options.clock, this);
    this.machine = options.machine ?? new PathMachine(now);
    if (this.machine.state === 'dead') this.machine.recover(now);
    this.machine.validating(now);
    this.machine.activate(now);
    this.#quality = new QualityMonitor(now);
    const rtt = new TransportRtt(
      () => this.#connections.lastStats,
      () => this.#data?.rtt,
    );
    const { side } = options.port.transport;
    const { idleTimeoutMs } = options;
    this.#liveness = new PathLiveness(now, rtt, { side, firstPath: options.id === PRIMARY_PATH_ID, idleTimeoutMs });
  }

  /** Takes its place in the data plane. */
  join(plane: DataPlane): void {
    this.#data = plane.addPath(this.id, this.#peer);
  }

  get data(): DataPath {
    if (this.#data === undefined) throw new KwikError('ERR_KWIK_INTERNAL', `path ${this.id} has not joined`);
    return this.#data;
  }

  /** The data plane flows, and control messages are answered, from now on. */
  start(): void {
    this.#connections.current.start();
  }

  /** Of the connection that it uses now. */
  get port(): PathPort {
    return this.#connections.current.port;
  }

  /** Those of the connection that it uses now, and how often they were new. */
  get keys(): Pick<PathConnections, 'sentPackets' | 'keyPackets' | 'keysSinceMs' | 'renewals'> {
    return this.#connections;
  }

  /** Whether another connection may take the place of the one that it has now. */
  get renewable(): boolean {
    return this.#renews && this.alive && this.machine.state !== 'draining' && this.#connections.renewable;
  }

  /** At the client: the path uses this connection from now on, and the one before goes when nothing is under way on it. */
  renew(port: PathPort): void {
    this.#connections.renew(port);
    // The server waits with the new one until it is used.
    this.ask();
  }

  /** At a server: the same, once the client uses it. */
  offer(port: PathPort): void {
    this.#connections.offer(port);
  }

  onRenewed(): void {
    this.offsets?.clear();
    this.#quality = new QualityMonitor(this.#clock.now());
    this.#events.onActivity(this);
  }

  /** The machine is the path's, over all its connections: after this one's death it may tell of another's life. */
  get health(): PathHealth {
    return this.#death === undefined ? healthOf(this.machine.state, this.#liveness.flow) : 'dead';
  }

  get alive(): boolean {
    return isAlive(this.health);
  }

  /** Why it is dead. */
  get death(): KwikError | undefined {
    return this.#death;
  }

  /** The peer closed it, and its code says why: what it blames is this end. */
  get closedByPeer(): boolean {
    return this.#closedByPeer;
  }

  /** Packets lost of packets sent in the recent past, 0 to 1. */
  get lossRate(): number {
    return this.#quality.lossRate;
  }

  get rttMs(): number {
    return this.#connections.lastStats.rttMs;
  }

  /** Sends a notice. Ends the path when the peer takes no control messages. */
  send(body: KcpBody): void {
    this.#queue(() => this.#connections.current.send(body));
  }

  /** Resolves with the answer; rejects with the peer's error, after `timeoutMs`, and when the path dies. */
  async request<K extends RequestKind>(kind: K, value: ControlValues[K], timeoutMs: number): Promise<AnswerTo<K>> {
    const body = { $case: kind, value } as KcpBody;
    const answer = this.alive ? this.#connections.current.request(body, timeoutMs) : undefined;
    if (answer === undefined) {
      throw new KwikError('ERR_KWIK_PATH_DEAD', `path ${this.id} is dead: ${this.#death?.message ?? 'closed'}`);
    }
    this.#events.onQueued(this);
    // What does not answer the request never gets here: the control channel holds it against the table.
    return (await answer) as AnswerTo<K>;
  }

  /** As `send`. */
  reply(to: bigint, body: KcpBody): void {
    this.#queue(() => this.#connections.of(to)?.reply(to, body));
  }

  sampleStats(): TransportStats {
    const stats = this.#connections.sample();
    if (this.#data !== undefined && stats.rttMs > 0) this.#data.acks.maxAckDelayMs = ackDelayForRtt(stats.rttMs);
    return stats;
  }

  /** Whether data that was asked for should be coming. */
  expectData(on: boolean): void {
    this.#expecting = on;
    this.#liveness.expect(on, this.#clock.now());
  }

  /** Whether the session has no other path. */
  set alone(alone: boolean) {
    this.#liveness.alone = alone;
  }

  onPacketSent(): void {
    this.#liveness.onSent(this.#clock.now());
  }

  nextTimeoutMs(): number | undefined {
    if (!this.alive) return undefined;
    this.#hear();
    const handedOverMs = this.#connections.nextTimeoutMs(this.#clock.now());
    return earlierTime(
      earlierTime(this.#liveness.nextTimeoutMs(), handedOverMs),
      this.port.control?.channel.nextTimeoutMs(),
    );
  }

  handleTimeout(now: number): void {
    if (!this.alive) return;
    this.#connections.handleTimeout(now);
    if (this.#connections.poll(now) === 'lost') {
      this.die(
        new KwikError('ERR_KWIK_PATH_DEAD', 'the connection that it had before was lost with what was under way'),
      );
      return;
    }
    this.#hear();
    if (!this.resting || this.machine.state !== 'active') {
      this.sampleStats();
      this.#assess(now);
    }
    const due = this.#liveness.handleTimeout(now, this.rttMs, () => this.#events.onOverdue(this));
    if (due.dead === true) {
      const silentMs = Math.round(now - this.port.transport.lastReceivedMs());
      this.die(new KwikError('ERR_KWIK_PATH_DEAD', `nothing was heard from ${this.address} for ${silentMs} ms`));
      return;
    }
    if (due.suspect === true && this.machine.canBecome('suspected')) {
      this.machine.suspect(now, 'silent');
      this.#events.onStateChange(this);
    }
    if (due.probe === true) this.#probe();
    if (due.stall) this.#events.onStall(this);
  }

  /** It carries nothing, has nothing to clear away, and nothing is awaited from it. */
  get resting(): boolean {
    const { sent, pendingFrameCount } = this.data;
    return !this.#expecting && sent.count === 0 && pendingFrameCount === 0 && this.port.pool.size <= 1;
  }

  /**
   * On a path that rests QUIC can ask: above it neither end has anything to do then. And on one that is alone, where nothing is sent
   * elsewhere for want of an answer: a peer that is busy with thousands has less to do for it.
   */
  #probe(): void {
    const { transport } = this.port;
    if (transport.ping !== undefined && (this.resting || this.#liveness.alone)) transport.ping();
    else this.ask();
  }

  /** Has the peer answer: if it does not, the path is suspected soon. */
  ask(): void {
    this.data.queueFrame('ping', pingFrame({ sequence: this.#pings++ }));
    this.#events.onQueued(this);
  }

  /** The path takes nothing new; false when it is not in a state to. */
  drain(reason: string): boolean {
    if (!this.machine.canBecome('draining')) return false;
    this.machine.drain(this.#clock.now(), reason);
    this.#events.onStateChange(this);
    return true;
  }

  /** Sets the path aside: it stays connected and carries data only when there is no other way. */
  suspend(reason: string): void {
    this.#require('suspended');
    this.machine.suspend(this.#clock.now(), reason);
    this.#events.onStateChange(this);
  }

  resume(): void {
    if (this.machine.state !== 'suspended') this.#require('active');
    this.machine.resume(this.#clock.now());
    this.#events.onStateChange(this);
  }

  /**
   * Notices and answers are also sent from timers and after waits, where nobody catches: a peer that asks and asks and
   * does not read fills the queue, and that must cost it the path, not us the process.
   */
  #queue(send: () => void): void {
    if (!this.alive) return;
    try {
      send();
      this.#events.onQueued(this);
    } catch (error) {
      if (!(error instanceof KwikError) || error.code !== 'ERR_KWIK_LIMIT_EXCEEDED') throw error;
      const reason = `${this.address} takes no control messages: ${error.message}`;
      this.die(new KwikError('ERR_KWIK_LIMIT_EXCEEDED', reason, { scope: 'path' }));
    }
  }

  #require(state: 'suspended' | 'active'): void {
    if (this.machine.canBecome(state) && (state === 'suspended' || this.machine.state === 'suspended')) return;
    throw new KwikError(
      'ERR_KWIK_INVALID_STATE',
      `path ${this.id} is ${this.machine.state}; it cannot become ${state}`,
    );
  }

  /** Ends the path; what it owes is fetched elsewhere. */
  die(error: KwikError): void {
    if (!this.alive) return;
    this.#death = error;
    this.sampleStats();
    this.machine.die(this.#clock.now(), error.message);
    this.#connections.close(error);
    this.#events.onDead(this);
  }

  figures(): PathFigures {
    this.sampleStats();
    return figuresOf(this, this.#connections.counts, this.#clock.now());
  }

  /** As it was when QUIC was last looked at, milliseconds ago while it carries anything: costs no look. */
  reading(now: number, unused: string): PathReading {
    const { lastStats, counts } = this.#connections;
    return readingOf(this, { ...lastStats, ...counts }, this.#liveness.flow, now, unused);
  }

  onMessage(id: bigint, body: KcpBody): void {
    this.#events.onMessage(this, id, body);
  }

  onControlFailure(error: KwikError): void {
    this.die(error);
  }

  onChunk(realStreamId: number, chunk: Uint8Array): void {
    this.#events.onChunk(this, realStreamId, chunk);
  }

  onRealStreamEnd(realStreamId: number): void {
    this.#events.onRealStreamEnd(this, realStreamId);
  }

  onActivity(): void {
    this.#events.onActivity(this);
  }

  onClose(info: TransportCloseInfo): void {
    this.#closedByPeer = info.by === 'peer';
    const why = info.reason === '' ? `closed by ${info.by} (code ${info.code})` : info.reason;
    this.die(info.error ?? new KwikError(codeOfClose(info), why));
  }

  /** Looks whether the path works well; called once in a while. */
  #assess(now: number): void {
    const verdict = this.#quality.sample(this.#connections.lastStats, now);
    if (verdict?.kind === 'degrade' && this.machine.state === 'active') this.machine.degrade(now, verdict.reason);
    else if (verdict?.kind === 'clear' && this.machine.state === 'degraded') this.machine.clear(now);
    else return;
    this.#events.onStateChange(this);
  }

  #hear(): void {
    const { sent } = this.data;
    this.#connections.poll(this.#clock.now());
    const ended = this.#liveness.hear(this.port.transport.lastReceivedMs(), this.rttMs, sent.count > 0);
    if (ended === 'suspicion' && this.machine.state === 'suspected') {
      this.machine.clear(this.#clock.now());
      this.#events.onStateChange(this);
    } else if (ended !== undefined) this.#events.onStall(this);
    if (!this.#liveness.settling) return;
    if (this.#liveness.settlesIn(sent.oldest()?.sentAtMs, this.#clock.now())) this.#events.onStall(this);
  }
}
