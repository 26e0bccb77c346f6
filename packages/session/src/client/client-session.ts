import { isConnected } from '@kwik/paths';
import type { BytesLike, OffsetMap, ServiceLevel } from '@kwik/wire';
import type { PathPing, PingOptions } from '../api/path-pings.js';
import { pingPath } from '../runtime/features/ping.js';
import type { DatagramCounts, DatagramOptions } from '../api/datagrams.js';
import type {
  CloseInfo,
  CloseOptions,
  PathInfo,
  Session,
  SessionStats,
  Stream,
  StreamOptions,
} from '../api/session.js';
import type { Leaving, Takeover } from '../api/takeover.js';
import { checkAccept, checkClose, checkListener, checkReason, checkStreamOptions } from '../options/call-rules.js';
import type { SessionEngine } from '../runtime/session/engine.js';
import { signalOf } from '../runtime/waiting/signal-of.js';
import type { ClientFeatures } from './client-features.js';
import type { Connector } from './connector.js';
import { wishForPaths } from './path-wishes.js';

/** How the session tells the time, and how long its end may take, milliseconds. */
interface SessionTimes {
  readonly closeMs: number;
  /** Since 1970. */
  readonly wallClockMs: () => number;
}

/** What `dial` returns. */
export class ClientSession implements Session {
  readonly id: string;
  readonly role = 'client';
  readonly closed: Promise<CloseInfo>;
  /** For what is built on sessions in this package; no member of the interface. */
  readonly engine: SessionEngine<ClientFeatures>;
  readonly early: Stream | undefined;
  readonly #connector: Connector;
  readonly #times: SessionTimes;

  constructor(id: string, engine: SessionEngine<ClientFeatures>, connector: Connector, times: SessionTimes) {
    this.id = id;
    this.early = engine.parts.early?.stream;
    this.#times = times;
    this.engine = engine;
    this.#connector = connector;
    this.closed = engine.closed.then(async (info) => {
      await connector.close();
      return info;
    });
  }

  openStream(options: StreamOptions = {}): Stream {
    checkStreamOptions('openStream', options);
    return this.engine.streams.open(options);
  }

  async openStreamWhenReady(options: StreamOptions & { signal?: AbortSignal } = {}): Promise<Stream> {
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
    return this.engine.parts.takeovers.add(listener);
  }

  onLeaving(listener: (leaving: Leaving) => void): () => void {
    checkListener('onLeaving', listener);
    return this.engine.parts.leavings.add(listener);
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

  async pingPath(pathId: number, options?: PingOptions): Promise<PathPing> {
    const { clock, paths } = this.engine;
    this.engine.assertOpen();
    return pingPath(paths.require(pathId), { clock, wallClockMs: this.#times.wallClockMs }, options);
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

  async requestPaths(change: 1 | -1, reason = ''): Promise<void> {
    checkReason('requestPaths', reason);
    return wishForPaths(this.engine, change, reason);
  }

  async close(code = 0, reason = '', options: CloseOptions = {}): Promise<void> {
    checkClose(code, reason, options);
    await this.engine.close({ by: 'local', code, reason }, options.timeoutMs ?? this.#times.closeMs);
    await this.closed;
    await this.#connector.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
