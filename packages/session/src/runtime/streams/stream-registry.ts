import type { KwikError, StreamId } from '@kwik/wire';
import type { StreamOptions } from '../../api/session.js';
import type { StreamState } from '../../core/streams/stream-state.js';
import type { SessionEngine } from '../session/engine.js';
import { StreamHandle, type StreamExtension } from './stream-handle.js';
import { TurnQueue } from '../waiting/turn-queue.js';

/** The session's streams in the hands of the application: opened here, waiting for `acceptStream`, or taken from there. */
export class StreamRegistry {
  readonly #engine: SessionEngine;
  readonly #extension: () => StreamExtension;
  readonly #handles = new Map<StreamId, StreamHandle>();
  /** As long at the most as the peer has credit for streams: none is given back before a stream is accepted. */
  readonly #acceptQueue: StreamHandle[] = [];
  readonly #accepts = new TurnQueue(() => this.#acceptNow());
  readonly #openings = {
    uni: new TurnQueue<StreamHandle, StreamOptions>((options) => this.#openNow(options)),
    bidi: new TurnQueue<StreamHandle, StreamOptions>((options) => this.#openNow(options)),
  };

  constructor(engine: SessionEngine, extension: () => StreamExtension) {
    this.#engine = engine;
    this.#extension = extension;
  }

  /** Throws when the session takes nothing new, and ERR_KWIK_STREAM_LIMIT without credit. */
  open({ unidirectional = false, priority }: StreamOptions): StreamHandle {
    this.#engine.assertTakes();
    return this.handle(this.#engine.plane.open(unidirectional, priority));
  }

  /** Waits until the peer gives credit; whoever waits longest gets it. */
  openWithCredit(options: StreamOptions, signal?: AbortSignal): Promise<StreamHandle> {
    return this.#openings[options.unidirectional === true ? 'uni' : 'bidi'].next(signal, options);
  }

  /** Those that came before the end of the session are still given out after it. */
  accept(signal: AbortSignal | undefined): Promise<StreamHandle> {
    return this.#accepts.next(signal);
  }

  onOpened(state: StreamState): void {
    this.#acceptQueue.push(this.handle(state));
    this.#accepts.pump();
  }

  onCredit(): void {
    this.#openings.uni.pump();
    this.#openings.bidi.pump();
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
    this.#accepts.pump();
    this.onCredit();
  }

  wakeAll(): void {
    for (const handle of [...this.#handles.values()]) handle.wake();
    this.stopTaking();
  }

  #acceptNow(): StreamHandle | undefined {
    const handle = this.#acceptQueue.shift();
    if (handle !== undefined) this.#engine.plane.accept(handle.state);
    else this.#engine.assertTakes();
    return handle;
  }

  #openNow(options: StreamOptions = {}): StreamHandle | undefined {
    this.#engine.assertTakes();
    const hasCredit = this.#engine.plane.streams.canOpen(options.unidirectional ?? false);
    return hasCredit ? this.#engine.openStream(options) : undefined;
  }
}
