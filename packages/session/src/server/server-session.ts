import { isConnected } from '@kwik/paths';
import { KwikError, toStreamId, type BytesLike, type OffsetMap, type ServiceLevel } from '@kwik/wire';
import type { PathPing, PingOptions } from '../api/path-pings.js';
import { pingPath } from '../runtime/features/ping.js';
import type { DatagramCounts, DatagramOptions } from '../api/datagrams.js';
import type {
  AddPathOptions,
  CloseInfo,
  CloseOptions,
  Contribution,
  ContributionRange,
  PathInfo,
  RawPacket,
  ServerSession,
  SessionStats,
  Stream,
  StreamOptions,
} from '../api/session.js';
import type { Leaving, Takeover } from '../api/takeover.js';
import {
  checkAccept,
  checkAddPath,
  checkClose,
  checkListener,
  checkReason,
  checkStreamOptions,
} from '../options/call-rules.js';
import type { SessionEngine } from '../runtime/session/engine.js';
import { signalOf } from '../runtime/waiting/signal-of.js';
import { StreamContribution } from './contribution.js';
import { grantContribution } from './contribution-grants.js';
import { requireClient } from './client-path.js';
import type { PathCommander } from './path-commander.js';
import type { RelayServer } from './relay/relay-server.js';
import type { StandbyTickets } from './takeover/standby-tickets.js';
import type { RawPackets } from './raw-packets.js';

export interface ServerSessionParts {
  readonly id: string;
  readonly role: 'primary' | 'secondary';
  readonly identity: string | undefined;
  readonly commander: PathCommander | undefined;
  readonly rawPackets: RawPackets;
  /** What is forwarded for the client. */
  readonly relay: RelayServer | undefined;
  /** Where the session goes on when this server is gone. */
  readonly standby: StandbyTickets | undefined;
  /** Another server began it: as that called itself, if it did. */
  readonly takenFrom: string | undefined;
  /** The token lets this secondary write into streams. */
  readonly mayContribute: boolean;
  /** How long `close` waits until the peer has what was written, milliseconds. */
  readonly closeTimeoutMs: number;
  /** Milliseconds since 1970. */
  readonly wallClockMs: () => number;
}

/** What `accept` returns. */
export class AcceptedSession implements ServerSession {
  readonly id: string;
  readonly role: 'primary' | 'secondary';
  readonly identity?: string;
  readonly takenOver: boolean;
  readonly takenFrom?: string;
  readonly closed: Promise<CloseInfo>;
  /** For what is built on sessions in this package; no member of the interface. */
  readonly engine: SessionEngine;
  readonly #parts: ServerSessionParts;

  constructor(engine: SessionEngine, parts: ServerSessionParts) {
    this.id = parts.id;
    this.role = parts.role;
    this.takenOver = parts.takenFrom !== undefined;
    if (parts.takenFrom !== undefined && parts.takenFrom !== '') this.takenFrom = parts.takenFrom;
    if (parts.identity !== undefined) this.identity = parts.identity;
    this.closed = engine.closed;
    this.engine = engine;
    this.#parts = parts;
  }

  openStream(options: StreamOptions = {}): Stream {
    this.#assertPrimary('openStream');
    checkStreamOptions('openStream', options);
    return this.engine.streams.open(options);
  }

  async openStreamWhenReady(options: StreamOptions & { signal?: AbortSignal } = {}): Promise<Stream> {
    this.#assertPrimary('openStreamWhenReady');
    checkStreamOptions('openStreamWhenReady', options);
    return this.engine.streams.openWithCredit(options, signalOf(options));
  }

  openStreamSync(options: StreamOptions & { signal?: AbortSignal } = {}): Promise<Stream> {
    return this.openStreamWhenReady(options);
  }

  async acceptStream(options: { signal?: AbortSignal } = {}): Promise<Stream> {
    checkAccept('acceptStream', options);
    return this.engine.streams.accept(options.signal);
  }

  get maxDatagramSize(): number {
    return this.engine.datagrams.maxSize;
  }

  sendDatagram(data: BytesLike, options?: DatagramOptions): void {
    this.engine.datagrams.send(data, options);
  }

  datagrams(): AsyncIterable<Uint8Array> {
    return this.engine.datagrams.received();
  }

  datagramCounts(): DatagramCounts {
    return this.engine.datagrams.counts;
  }

  getActivePaths(): PathInfo[] {
    return this.getAllPaths().filter((path) => isConnected(path.state));
  }

  getDeadPaths(): PathInfo[] {
    return this.getAllPaths().filter((path) => path.state === 'dead');
  }

  getAllPaths(): PathInfo[] {
    return this.engine.paths.infos();
  }

  onPathChange(listener: (path: PathInfo) => void): () => void {
    checkListener('onPathChange', listener);
    return this.engine.paths.onChange(listener);
  }

  onTakeover(listener: (takeover: Takeover) => void): () => void {
    checkListener('onTakeover', listener);
    return () => undefined;
  }

  onLeaving(listener: (leaving: Leaving) => void): () => void {
    checkListener('onLeaving', listener);
    return () => undefined;
  }

  get serviceLevel(): ServiceLevel {
    return this.engine.service.level;
  }

  stats(): SessionStats {
    return { decisions: this.engine.policy.decisions };
  }

  onServiceLevelChange(listener: (level: ServiceLevel) => void): () => void {
    checkListener('onServiceLevelChange', listener);
    return this.engine.service.onChange(listener);
  }

  async addPath(address: string, options: AddPathOptions = {}): Promise<PathInfo> {
    checkAddPath(options);
    return this.#commander().addPath(requireClient(this.engine), address, options);
  }

  async removePath(pathId: number, reason = ''): Promise<void> {
    checkReason('removePath', reason);
    await this.#commander().removePath(requireClient(this.engine), pathId, reason);
  }

  sendRawPacket(data: BytesLike, pathId: number): Promise<void> {
    return this.#parts.rawPackets.send(data, pathId);
  }

  async *rawPackets(): AsyncIterable<RawPacket> {
    for (;;) {
      const packet = await this.#parts.rawPackets.next();
      if (packet === null) return;
      yield packet;
    }
  }

  rawPacketCounts(): { received: number; dropped: number } {
    return this.#parts.rawPackets.counts;
  }

  async grantContribution(pathId: number, streamId: bigint, ranges: readonly ContributionRange[]): Promise<void> {
    this.#commander().requireCapability(pathId, 'contribute');
    await grantContribution(this.engine, { pathId, streamId, ranges });
  }

  contribute(streamId: bigint): Contribution {
    if (this.role !== 'secondary') {
      throw new KwikError('ERR_KWIK_INVALID_STATE', 'contribute is for secondaries; the primary writes to its streams');
    }
    if (!this.#parts.mayContribute) {
      throw new KwikError(
        'ERR_KWIK_PERMISSION_DENIED',
        'the primary added this server without the contribute capability',
      );
    }
    return new StreamContribution(this.engine, this.engine.streams.attach(toStreamId(streamId)));
  }

  async pingPath(pathId: number, options?: PingOptions): Promise<PathPing> {
    const { clock, paths } = this.engine;
    this.engine.assertOpen();
    return pingPath(paths.require(pathId), { clock, wallClockMs: this.#parts.wallClockMs }, options);
  }

  offsetMap(pathId: number): OffsetMap | undefined {
    return this.engine.paths.require(pathId).offsets;
  }

  suspendPath(pathId: number, reason = 'set aside'): void {
    checkReason('suspendPath', reason);
    this.engine.paths.require(pathId).suspend(reason);
  }

  resumePath(pathId: number): void {
    this.engine.paths.require(pathId).resume();
  }

  requestPaths(): Promise<void> {
    const text = 'requestPaths is for clients; a primary adds paths by addPath, or by the option scaling';
    return Promise.reject(new KwikError('ERR_KWIK_INVALID_STATE', text));
  }

  async close(code = 0, reason = '', options: CloseOptions = {}): Promise<void> {
    checkClose(code, reason, options);
    await this.engine.close({ by: 'local', code, reason }, options.timeoutMs ?? this.#parts.closeTimeoutMs);
  }

  /** Bytes of streams that came and nobody has read. */
  get unreadBytes(): number {
    let bytes = 0;
    for (const { receive } of this.engine.streams.values()) bytes += receive?.bufferedBytes ?? 0;
    return bytes;
  }

  /** The client is told to find another way for what is forwarded here. */
  drainRelay(): void {
    this.#parts.relay?.drain();
  }

  /** The client is asked to go on at the standby, if there is one, or no more. False: it knows of none. */
  leaveToStandby(leaving = true): boolean {
    this.#parts.standby?.leave(leaving);
    return this.#parts.standby !== undefined;
  }

  /** Where it goes on may have changed: the client is told at `atMs`. False: it knows of no standby. */
  standbyChanged(atMs: number): boolean {
    this.#parts.standby?.changed(atMs);
    return this.#parts.standby !== undefined;
  }

  /** Nothing is going on in it: no stream is open, nothing is to be delivered, nothing is forwarded. */
  get quiet(): boolean {
    if ((this.#parts.relay?.flows ?? 0) > 0) return false;
    const { streams } = this.engine;
    if (streams.undelivered) return false;
    // What a secondary attached to stays as long as the session; only content that waits to be sent counts.
    if (this.role === 'secondary') return ![...streams.values()].some(({ supply }) => supply?.hasData === true);
    return streams.size === 0;
  }

  /** Another number than before when something of streams or a datagram came or went meanwhile. */
  get activity(): number {
    const { paths, datagrams } = this.engine;
    let activity = datagrams.counts.received;
    for (const { data } of paths.values()) activity += data.sentBytes + data.receivedBytes;
    return activity;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #commander(): PathCommander {
    this.#assertPrimary('a path command');
    return this.#parts.commander!;
  }

  #assertPrimary(what: string): void {
    if (this.role === 'primary') return;
    throw new KwikError(
      'ERR_KWIK_INVALID_STATE',
      `${what} is for the primary of a session; this server is a secondary`,
    );
  }
}
