import { makeStreamId, type KwikError, type PathId, type proto, type StreamId } from '@kwik/wire';
import type { ReplicaSource, StreamOptions } from '../../api/session.js';
import type { DataPlane } from '../../core/data/data-plane.js';
import type { OffsetRange } from '../../core/range-set.js';
import { impliedBy, OpeningOrder } from '../../core/streams/opening-order.js';
import type { ReadChunk } from '../../core/streams/reassembler.js';
import { checkIntent, type CheckedIntent, intentFromProto } from '../../core/streams/stream-intent.js';
import type { StreamNumbers } from '../../core/streams/stream-numbers.js';
import { checkPriority, type StreamState } from '../../core/streams/stream-state.js';
import { TurnQueue } from '../waiting/turn-queue.js';
import { StreamHandle } from './stream-handle.js';
import type { ContentStream, StreamHost } from './stream-host.js';

/** What the streams need of their session. */
export interface StreamSession
  extends Pick<StreamHost, 'pathId' | 'over' | 'assertOpen' | 'assertTakes' | 'sendContent' | 'closeSource'> {
  /** A stream has something to send, or to tell the peer. */
  onQueued(): void;
  /** This end opened a stream. */
  onOpenedHere(stream: StreamState): void;
}

/**
 * The streams of a session: those opened here, those that wait for `acceptStream`, and those taken from there. All that the
 * session does with streams it does here, and the session wakes by itself to send what follows from it.
 */
export class StreamDirectory implements StreamHost {
  readonly #plane: DataPlane;
  readonly #session: StreamSession;
  readonly #handles = new Map<StreamId, StreamHandle>();
  /** What the peer opened, until it is known to be next in the accept queue. */
  readonly #order: OpeningOrder;
  /** As long at the most as the peer has credit for streams: none is given back before a stream is accepted. */
  readonly #acceptQueue: StreamHandle[] = [];
  readonly #accepts = new TurnQueue(() => this.#acceptNow());
  readonly #openings = {
    uni: new TurnQueue<StreamHandle, StreamOptions>((options) => this.#openNow(options)),
    bidi: new TurnQueue<StreamHandle, StreamOptions>((options) => this.#openNow(options)),
  };

  constructor(plane: DataPlane, session: StreamSession) {
    this.#plane = plane;
    this.#session = session;
    this.#order = new OpeningOrder(plane.streams.numbers.peer);
  }

  // --- Opening and accepting ---

  /** Throws when the session takes nothing new, and ERR_KWIK_STREAM_LIMIT without credit. */
  open({ unidirectional = false, priority, intent }: StreamOptions): StreamHandle {
    this.#session.assertTakes();
    if (priority !== undefined) checkPriority(priority);
    const openedWith = intent === undefined ? undefined : checkIntent(intent);
    const handle = this.handle(this.#plane.open(unidirectional, priority, openedWith));
    this.#session.onOpenedHere(handle.state);
    return handle;
  }

  /** Waits until the peer gives credit; whoever waits longest gets it. */
  openWithCredit(options: StreamOptions, signal?: AbortSignal): Promise<StreamHandle> {
    return this.#openings[options.unidirectional === true ? 'uni' : 'bidi'].next(signal, options);
  }

  /** Those that came before the end of the session are still given out after it. */
  accept(signal: AbortSignal | undefined): Promise<StreamHandle> {
    return this.#accepts.next(signal);
  }

  /**
   * The peer says that it opened the stream, as its `opening`th, and how it would have it carried; 0 and undefined: it does
   * not say. Throws when that cannot be.
   */
  announced(id: StreamId, opening: bigint, intent?: CheckedIntent): void {
    const before = impliedBy(id, opening);
    if (before !== undefined) this.#plane.handleStreamOpened(before);
    const stream = this.#plane.handleStreamOpened(id);
    if (stream?.ownIntent === false && intent !== undefined) this.#plane.turns.setIntent(stream, intent);
    this.#order.announce(id, opening);
    this.#session.onQueued();
  }

  /**
   * Gives out, in the order in which the peer opened them, the streams whose turn is known, and those that have waited for
   * that as long as `patienceMs`. Returns when to call it again, if at all.
   */
  giveOut(now: number, patienceMs: number): number | undefined {
    for (;;) {
      const state = this.#order.next(now, patienceMs);
      if (state === undefined) break;
      this.#acceptQueue.push(this.handle(state));
      this.#accepts.pump();
    }
    return this.#order.dueAtMs(patienceMs);
  }

  /** At a secondary: a stream of the session into which it writes. */
  attach(id: StreamId): StreamState {
    return this.#plane.streams.attach(id);
  }

  /** Forgets a stream that was attached. */
  detach(stream: StreamState): void {
    this.#plane.detach(stream);
    this.#session.onQueued();
  }

  // --- What streams there are ---

  get size(): number {
    return this.#plane.streams.size;
  }

  get(id: StreamId): StreamState | undefined {
    return this.#plane.streams.get(id);
  }

  /** There was such a stream, and it is over. */
  isOver(id: StreamId): boolean {
    return this.#plane.streams.isOver(id);
  }

  values(): IterableIterator<StreamState> {
    return this.#plane.streams.values();
  }

  handle(state: StreamState): StreamHandle {
    let handle = this.#handles.get(state.id);
    if (handle === undefined) {
      handle = new StreamHandle(this, state);
      this.#handles.set(state.id, handle);
    }
    return handle;
  }

  /** Something of a stream has been handed over, or is under way, and the peer's session has not acknowledged it. */
  get undelivered(): boolean {
    for (const handle of this.#handles.values()) if (handle.undelivered) return true;
    return false;
  }

  // --- What is done to a stream ---

  read(stream: StreamState): ReadChunk | undefined {
    const chunk = this.#plane.read(stream);
    if (chunk !== undefined) this.#session.onQueued();
    return chunk;
  }

  markReady(stream: StreamState): void {
    this.#plane.markReady(stream);
    this.#session.onQueued();
  }

  setPriority(stream: StreamState, priority: number): void {
    this.#plane.turns.setPriority(stream, priority);
  }

  setIntent(stream: StreamState, intent: CheckedIntent): void {
    this.#plane.turns.setIntent(stream, intent);
  }

  retireIfDone(stream: StreamState): void {
    this.#plane.retireIfDone(stream);
    this.#session.onQueued();
  }

  resetStream(stream: StreamState, code: number): void {
    this.#plane.resetStream(stream, code);
    this.#session.onQueued();
  }

  stopSending(stream: StreamState, code: number): void {
    this.#plane.stopSending(stream, code);
    this.#session.onQueued();
  }

  /** The client's first stream begins with what came with its hello. */
  early({ data, end, intent }: proto.EarlyData): void {
    const id = makeStreamId(0n, 'client', false);
    this.announced(id, 1n, intent && intentFromProto(intent));
    const stream = this.get(id);
    if (stream !== undefined) this.#plane.handleEarly(stream, data, end);
  }

  /** Verified content enters the stream. `end`: the stream ends behind it. */
  insertContent(stream: StreamState, offset: number, data: Uint8Array, end?: boolean): void {
    this.#plane.insertContent(stream, offset, data, end);
    this.#session.onQueued();
  }

  /** At a client: content is announced for these bytes of the stream. Throws when the primary may not say so. */
  announceContent(id: StreamId, { start, end }: OffsetRange): void {
    this.#plane.writers.announceContent(id, start, end);
    this.#session.onQueued();
  }

  /** At a client: the server of the path writes these bytes of the stream. Throws the answer to a primary that may not say so. */
  grant(id: StreamId, pathId: PathId, ranges: readonly OffsetRange[]): void {
    this.#plane.writers.grant(id, pathId, ranges);
    this.#session.onQueued();
  }

  // --- When the other end of the session is another server from now on ---

  get numbers(): StreamNumbers {
    return this.#plane.streams.numbers;
  }

  /** What came can still be read; then, and when it is written, the error tells that it does not go on. */
  abandon(stream: StreamState, error: KwikError): void {
    this.fail(stream.id, error);
    this.#plane.abandon(stream);
    this.#session.onQueued();
  }

  /** The reading side goes on, and nothing is written any more. */
  abandonWriting({ send }: StreamState): void {
    send?.reset(0);
  }

  // --- What the handles ask of the session ---

  get pathId(): PathId {
    return this.#session.pathId;
  }

  get over(): boolean {
    return this.#session.over;
  }

  assertOpen(): void {
    this.#session.assertOpen();
  }

  assertTakes(): void {
    this.#session.assertTakes();
  }

  sendContent(stream: ContentStream, key: string, source: ReplicaSource, end: boolean): Promise<void> {
    return this.#session.sendContent(stream, key, source, end);
  }

  closeSource(source: Pick<ReplicaSource, 'close'> | null | undefined): void {
    this.#session.closeSource(source);
  }

  // --- What the data plane tells ---

  /** `giveOut` follows in the same turn. Whoever gets the stream learns of what happened to it meanwhile, too. */
  onOpened(state: StreamState, now: number): void {
    this.handle(state);
    this.#order.hear(state, now);
  }

  onCredit(): void {
    this.#openings.uni.pump();
    this.#openings.bidi.pump();
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

  /** The session takes nothing new. */
  stopTaking(): void {
    this.giveOut(Number.POSITIVE_INFINITY, 0);
    this.#accepts.pump();
    this.onCredit();
  }

  wakeAll(): void {
    for (const handle of [...this.#handles.values()]) handle.wake();
    this.stopTaking();
  }

  #acceptNow(): StreamHandle | undefined {
    const handle = this.#acceptQueue.shift();
    if (handle === undefined) {
      this.#session.assertTakes();
      return undefined;
    }
    this.#plane.accept(handle.state);
    this.#session.onQueued();
    return handle;
  }

  #openNow(options: StreamOptions = {}): StreamHandle | undefined {
    this.#session.assertTakes();
    return this.#plane.streams.canOpen(options.unidirectional ?? false) ? this.open(options) : undefined;
  }
}
