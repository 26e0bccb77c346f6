import type { OffsetMap } from '@kwik/wire';
import type { Stream, CloseInfo, PathInfo, Session, StreamOptions } from '../api/session.js';
import type { SessionEngine } from '../runtime/engine.js';
import { isActive } from '../runtime/path-history.js';
import type { Connector } from './connector.js';

/** What `dial` returns. */
export class ClientSession implements Session {
  readonly id: string;
  readonly role = 'client';
  readonly closed: Promise<CloseInfo>;
  readonly #engine: SessionEngine;
  readonly #connector: Connector;

  constructor(id: string, engine: SessionEngine, connector: Connector) {
    this.id = id;
    this.#engine = engine;
    this.#connector = connector;
    this.closed = engine.closed.then(async (info) => {
      await connector.close();
      return info;
    });
  }

  openStream(options: StreamOptions = {}): Stream {
    return this.#engine.openStream(options);
  }

  openStreamSync(options: StreamOptions & { signal?: AbortSignal } = {}): Promise<Stream> {
    return this.#engine.openStreamSync(options);
  }

  acceptStream(options: { signal?: AbortSignal } = {}): Promise<Stream> {
    return this.#engine.acceptStream(options.signal);
  }

  getActivePaths(): PathInfo[] {
    return this.getAllPaths().filter((path) => isActive(path.state));
  }

  getDeadPaths(): PathInfo[] {
    return this.getAllPaths().filter((path) => path.state === 'dead');
  }

  getAllPaths(): PathInfo[] {
    return this.#engine.pathInfos();
  }

  onPathChange(listener: (path: PathInfo) => void): () => void {
    return this.#engine.onPathChange(listener);
  }

  offsetMap(pathId: number): OffsetMap | undefined {
    return this.#engine.requirePath(pathId).offsets;
  }

  suspendPath(pathId: number, reason = 'set aside'): void {
    this.#engine.requirePath(pathId).suspend(reason);
  }

  resumePath(pathId: number): void {
    this.#engine.requirePath(pathId).resume();
  }

  async close(code = 0, reason = ''): Promise<void> {
    this.#engine.finish({ by: 'local', code, reason }, true);
    await this.closed;
    await this.#connector.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
