import type { KwikError, StreamId } from '@kwik/wire';
import type { StreamOptions } from '../api/session.js';
import type { StreamState } from '../core/streams/stream-state.js';
import type { SessionEngine } from './engine.js';
import { StreamHandle, type StreamExtension } from './stream-handle.js';
import { Waiters } from './waiters.js';

/** The session's streams in the hands of the application: opened here, waiting for `acceptStream`, or taken from there. */
export class StreamRegistry {
  readonly #engine: SessionEngine;
  readonly #extension: () => StreamExtension;
  readonly #handles = new Map<StreamId, StreamHandle>();
  /** As long at the most as the peer has credit for streams: none is given back before a stream is accepted. */
  readonly #acceptQueue: StreamHandle[] = [];
  readonly #acceptWaiters = new Waiters();
  readonly #creditWaiters = new Waiters();

  constructor(engine: SessionEngine, extension: () => StreamExtension) {
    this.#engine = engine;
    this.#extension = extension;
  }

  open(options: StreamOptions): StreamHandle {
    return this.handle(this.#engine.plane.open(options.unidirectional ?? false, options.priority));
  }

  /** Resolves when the peer may have given credit for one more stream. */
  waitForCredit(signal: AbortSignal | undefined): Promise<void> {
    return this.#creditWaiters.wait(signal);
  }

  /** Those that came before the end of the session are still given out after it. */
  async accept(signal: AbortSignal | undefined): Promise<StreamHandle> {
    for (;;) {
      const handle = this.#acceptQueue.shift();
      if (handle !== undefined) {
        this.#engine.plane.accept(handle.state);
        return handle;
      }
      this.#engine.assertTakes();
      await this.#acceptWaiters.wait(signal);
    }
  }

  /** Streams that the peer opened and nobody has accepted. */
  get waiting(): number {
    return this.#acceptQueue.length;
  }

  onOpened(state: StreamState): void {
    this.#acceptQueue.push(this.handle(state));
    this.#acceptWaiters.wake();
  }

  onCredit(): void {
    this.#creditWaiters.wake();
  }

  handle(state: StreamState): StreamHandle {
    let handle = this.#handles.get(state.id);
    if (handle === undefined) {
      handle = new StreamHandle(this.#engine, state, this.#extension());
      this.#handles.set(state.id, handle);
    }
    return handle;
  }

  /** The data plane has forgotten the stream: whoever has its handle keeps it. */
  forget(id: StreamId): void {
    this.#handles.get(id)?.wake();
    this.#handles.delete(id);
  }

  wake(id: StreamId): void {
    this.#handles.get(id)?.wake();
  }

  fail(id: StreamId, error: KwikError): void {
    this.#handles.get(id)?.fail(error);
  }

  /** Something of a stream has been handed over, or is under way, and the peer's session has not acknowledged it. */
  get undelivered(): boolean {
    for (const handle of this.#handles.values()) if (handle.undelivered) return true;
    return false;
  }

  /** The session takes nothing new. */
  stopTaking(): void {
    this.#acceptWaiters.wake();
    this.#creditWaiters.wake();
  }

  wakeAll(): void {
    for (const handle of [...this.#handles.values()]) handle.wake();
    this.stopTaking();
  }
}
