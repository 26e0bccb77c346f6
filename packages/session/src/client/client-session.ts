import { isConnected } from '@kwik/paths';
import type { BytesLike, OffsetMap } from '@kwik/wire';
import type { DatagramCounts, DatagramOptions } from '../api/datagrams.js';
import type { CloseInfo, CloseOptions, PathInfo, Session, Stream, StreamOptions } from '../api/session.js';
import type { SessionEngine } from '../runtime/session/engine.js';
import type { Connector } from './connector.js';

/** What `dial` returns. */
export class ClientSession implements Session {
  readonly id: string;
  readonly role = 'client';
  readonly closed: Promise<CloseInfo>;
  /** For what is built on sessions in this package; no member of the interface. */
  readonly engine: SessionEngine;
  readonly #connector: Connector;
  readonly #closeTimeoutMs: number;

  constructor(id: string, engine: SessionEngine, connector: Connector, closeTimeoutMs: number) {
    this.id = id;
    this.#closeTimeoutMs = closeTimeoutMs;
    this.engine = engine;
    this.#connector = connector;
    this.closed = engine.closed.then(async (info) => {
      await connector.close();
      return info;
    });
  }

  openStream(options: StreamOptions = {}): Stream {
    return this.engine.streams.open(options);
  }

  openStreamWhenReady(options: StreamOptions & { signal?: AbortSignal } = {}): Promise<Stream> {
    return this.engine.streams.openWithCredit(options, options.signal);
  }

  openStreamSync(options: StreamOptions & { signal?: AbortSignal } = {}): Promise<Stream> {
    return this.openStreamWhenReady(options);
  }

  acceptStream(options: { signal?: AbortSignal } = {}): Promise<Stream> {
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
    return this.engine.paths.onChange(listener);
  }

  offsetMap(pathId: number): OffsetMap | undefined {
    return this.engine.paths.require(pathId).offsets;
  }

  suspendPath(pathId: number, reason = 'set aside'): void {
    this.engine.paths.require(pathId).suspend(reason);
  }

  resumePath(pathId: number): void {
    this.engine.paths.require(pathId).resume();
  }

  async close(code = 0, reason = '', { timeoutMs = this.#closeTimeoutMs }: CloseOptions = {}): Promise<void> {
    await this.engine.close({ by: 'local', code: code, reason }, timeoutMs);
    await this.closed;
    await this.#connector.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
