import { errorFromDetail, errorToDetail, type KcpBody } from '@kwik/kcp';
import { contentUse, isAvailable, type ContentUse } from '@kwik/paths';
import { KwikError, proto, toStreamId, type PathId, type StreamId } from '@kwik/wire';
import { ContentReceiver, type ContentCommand } from '../core/content/content-receiver.js';
import { NODE_NATIVES } from '../runtime/host/node-natives.js';
import type { StreamState } from '../core/streams/stream-state.js';
import type { ControlHandlers, Feature } from '../runtime/features/feature.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';
import { ContentEnds } from './content-ends.js';
import { askingFor, progressOf, resumeOf, type Content } from './content-messages.js';
import { EarlyRanges, type EarlyRange } from './early-ranges.js';
import type { OpeningPath } from './opening-path.js';

/** Contents under way at once in a session. */
const MAX_CONTENTS = 4096;
/** Contents that a path is asked for before its server has answered the hello; the others wait for that. */
const MAX_OPENING_CONTENTS = 8;
/** How often sources are looked at, and progress is reported, milliseconds. */
const CHECK_INTERVAL_MS = 20;
const PROGRESS_INTERVAL_MS = 100;

/** A path over which something of content came. */
type ContentPath = Pick<PathRuntime, 'id' | 'send'>;

/** Hears of contents. */
export interface ContentWatch {
  contentStarted(streamId: StreamId, bytes: number, sources: number): void;
  contentFinished(streamId: StreamId, bytes: number, error: KwikError | undefined): void;
}

/** The client's side of all multi-source streams of a session. */
export class ContentClient implements Feature {
  readonly #session: SessionContext;
  readonly #watch: ContentWatch | undefined;
  readonly #contents = new Map<StreamId, Content>();
  readonly #ended = new ContentEnds(MAX_CONTENTS);
  readonly #opening = new Map<PathId, OpeningPath>();
  readonly #early: EarlyRanges;
  #dirty = false;
  #checkAtMs = 0;

  readonly handlers: ControlHandlers = {
    contentStart: (primary, message) => this.start(primary, message),
    contentDigests: (_primary, message) => this.digests(message),
    contentEnd: (_primary, message) => this.ended(message),
    rangeRefused: (path, message) => this.refused(path, message),
  };

  constructor(session: SessionContext, watch?: ContentWatch) {
    this.#session = session;
    this.#watch = watch;
    const exists = (streamId: StreamId): boolean => session.streams.get(streamId) !== undefined;
    this.#early = new EarlyRanges({ account: session.account, exists });
  }

  /** Content is on its way, which takes as much as comes. */
  get wantsMore(): boolean {
    for (const { receiver } of this.#contents.values()) if (!receiver.complete) return true;
    return false;
  }

  /** Whether some content can go on without the primary: its digests have come, and other servers have it. */
  get viable(): boolean {
    for (const { receiver } of this.#contents.values()) {
      const { head, blockCount } = receiver.ledger;
      const { digestsEnd } = receiver;
      if (receiver.sources.length > 0 && (digestsEnd === blockCount || head < digestsEnd)) return true;
    }
    return false;
  }

  /** Whether content of the stream is under way. */
  carries(streamId: StreamId): boolean {
    return this.#contents.has(streamId);
  }

  /** Whether it is, and is all that is still to come of the stream. */
  endsStream(streamId: StreamId): boolean {
    const content = this.#contents.get(streamId);
    return content !== undefined && isLast(content, this.#session.streams.get(streamId));
  }

  /** Another server is the primary from now on; what the one before announced goes on. `why`: nothing else does. */
  takeOver(why: KwikError): void {
    for (const content of this.#contents.values()) content.orphaned ??= why;
    // Of content that nobody announces any more; the new primary's own is not to begin with bytes of another server.
    this.#early.clear();
  }

  onRange(pathId: PathId, streamId: StreamId, offset: number, data: Uint8Array, now: number): number {
    const content = this.#contents.get(streamId);
    if (content === undefined) {
      // Only the primary sends unasked; everything else without content is late.
      if (this.#session.paths.get(pathId)?.primary === true) this.#keepEarly({ pathId, streamId, offset, data });
      return 0;
    }
    const { receiver } = content;
    const before = receiver.ledger.verifiedBytes;
    const wanted = receiver.handleData(pathId, offset - receiver.baseOffset, data, now);
    if (receiver.ledger.verifiedBytes !== before || wanted > 0) this.#dirty = true;
    return wanted;
  }

  start(path: ContentPath, message: proto.ContentStart): void {
    const streamId = toStreamId(message.streamId);
    if (this.#isKnown(path, streamId, message)) return;
    if (this.#contents.has(streamId) || this.#contents.size >= MAX_CONTENTS) {
      throw new KwikError(
        'ERR_KWIK_PROTOCOL_VIOLATION',
        `content is under way in stream ${streamId} already, or too many`,
      );
    }
    const now = this.#session.clock.now();
    const receiver = new ContentReceiver(message, streamId, NODE_NATIVES.sha256);
    const { baseOffset: start, end, ledger } = receiver;
    this.#session.streams.announceContent(streamId, { start, end });
    for (const source of this.#session.paths.values()) receiver.addSource(source.id, source.primary, now);
    if (this.#contents.size < MAX_OPENING_CONTENTS)
      for (const path of this.#opening.values()) addOpening(receiver, path, now);
    receiver.expectUnasked(path.id, Number(message.initialBytes), now);
    const { grant, endsStream } = message;
    const content = { receiver, grant, endsStream, reportedMs: now, orphaned: undefined };
    this.#contents.set(streamId, content);
    this.#dirty = true;
    this.#replayEarly(streamId, now);
    this.#report(streamId, content, now);
    this.#watch?.contentStarted(streamId, ledger.shape.size, receiver.sources.length);
  }

  /** A primary that lost a path says it again; it is told what has come. */
  #isKnown(path: ContentPath, streamId: StreamId, message: proto.ContentStart): boolean {
    const ended = this.#ended.of(streamId);
    if (ended !== undefined && Number(message.baseOffset + message.size) <= ended.offset) {
      path.send({ $case: 'contentEnd', value: ended.message });
      return true;
    }
    const content = this.#contents.get(streamId);
    if (content === undefined || BigInt(content.receiver.baseOffset) !== message.baseOffset) return false;
    this.#report(streamId, content, this.#session.clock.now());
    return true;
  }

  digests({ streamId: id, firstBlock, digests }: proto.ContentDigests): void {
    const streamId = toStreamId(id);
    const content = this.#contents.get(streamId);
    if (content === undefined) return;
    const { receiver, orphaned } = content;
    try {
      if (orphaned !== undefined && !receiver.agrees(Number(firstBlock), digests)) throw otherCopy(streamId);
      receiver.handleDigests(Number(firstBlock), digests, this.#session.clock.now());
      this.#dirty = true;
    } catch (error) {
      if (orphaned === undefined) throw error;
      // The new primary has another copy: that costs this content, and nothing else of the session.
      this.#finish(streamId, KwikError.from(error));
    }
  }

  refused(path: ContentPath, { streamId, requestIds, error }: proto.RangeRefused): void {
    const content = this.#contents.get(toStreamId(streamId));
    if (content === undefined) return;
    if (requestIds.length > 0)
      content.receiver.handleRefused(path.id, requestIds.map(Number), this.#session.clock.now());
    else {
      content.receiver.removeSource(path.id, 'refused');
      content.refusal = error && errorFromDetail(error);
    }
    this.#dirty = true;
  }

  /** The primary gives up. */
  ended({ streamId, complete, error }: proto.ContentEnd): void {
    if (complete) return;
    const why = error === undefined ? new KwikError('ERR_KWIK_CONTENT_UNAVAILABLE') : errorFromDetail(error);
    this.#finish(toStreamId(streamId), why);
  }

  /** A server that is being asked to join may be asked for content with the same breath. */
  openPath(path: OpeningPath): void {
    this.#opening.set(path.id, path);
    const now = this.#session.clock.now();
    for (const { receiver } of [...this.#contents.values()].slice(0, MAX_OPENING_CONTENTS))
      addOpening(receiver, path, now);
    this.#dirty = true;
    this.#session.wake();
  }

  onPathUp(path: PathRuntime): void {
    if (path.primary) this.#resumeAt(path);
    if (path.primary || path.capabilities.includes(proto.Capability.REPLICA)) this.#addSource(path);
    else this.removePath(path.id);
  }

  onPathDead({ id }: PathRuntime): void {
    this.removePath(id);
  }

  onEnd(): void {
    this.#early.clear();
  }

  /** What may be asked of whom is looked at anew. */
  onPathHealth(): void {
    this.#dirty = true;
  }

  #addSource(path: PathRuntime): void {
    this.#opening.delete(path.id);
    const now = this.#session.clock.now();
    // What another primary announced is checked by its digests, whoever brings it.
    for (const { receiver, orphaned } of this.#contents.values())
      receiver.addSource(path.id, path.primary && orphaned === undefined, now);
    this.#dirty = true;
  }

  /** A primary that did not announce them hears of the contents from here. */
  #resumeAt(primary: PathRuntime): void {
    for (const [streamId, content] of this.#contents)
      if (content.orphaned !== undefined) primary.send(resumeOf(streamId, content));
  }

  removePath(pathId: PathId, untrusted = false): void {
    this.#opening.delete(pathId);
    for (const { receiver } of this.#contents.values()) receiver.removeSource(pathId, untrusted ? 'untrusted' : 'dead');
    this.#dirty = true;
  }

  /** Asks for what should be asked for now. Returns when to be called again. */
  plan(now: number): number | undefined {
    if (this.#contents.size === 0) return undefined;
    if (!this.#dirty && now < this.#checkAtMs) return this.#checkAtMs;
    this.#dirty = false;
    this.#checkAtMs = now + CHECK_INTERVAL_MS;
    for (const [streamId, content] of [...this.#contents]) this.#planOne(streamId, content, now);
    this.#expectData();
    return this.#checkAtMs;
  }

  #planOne(streamId: StreamId, content: Content, now: number): void {
    const { receiver } = content;
    const stream = this.#session.streams.get(streamId);
    if (stream?.receive === undefined || stream.receive.state === 'stopped' || stream.receive.state === 'reset') {
      this.#finish(streamId, new KwikError('ERR_KWIK_STREAM_STOPPED', 'the reader stopped'));
      return;
    }
    for (const block of receiver.takeVerified()) this.#session.streams.insertContent(stream, block.offset, block.data);
    for (const source of receiver.sources) source.rttMs = this.#session.paths.get(source.pathId)?.rttMs ?? source.rttMs;
    receiver.checkSources(now, (pathId) => this.#useOf(pathId));
    this.#punish(content, streamId);
    if (receiver.complete) {
      if (content.endsStream) this.#session.streams.insertContent(stream, receiver.end, new Uint8Array(0), true);
      this.#finish(streamId, undefined);
      if (content.orphaned !== undefined && !isLast(content, stream))
        this.#session.streams.abandon(stream, content.orphaned);
      return;
    }
    const hopeless = this.#hopeless(content);
    if (hopeless !== undefined) {
      this.#finish(streamId, hopeless);
      return;
    }
    const windowEnd = stream.receive.readOffset + stream.receive.windowBytes;
    for (const command of receiver.plan(now, windowEnd)) this.#issue(content, command);
    if (now - content.reportedMs >= PROGRESS_INTERVAL_MS) this.#report(streamId, content, now);
  }

  #useOf(pathId: PathId): ContentUse {
    const { paths } = this.#session;
    const health = this.#opening.has(pathId) ? 'validating' : (paths.get(pathId)?.health ?? 'dead');
    return contentUse(health, health === 'settling' && [...paths.values()].some((one) => isAvailable(one.health)));
  }

  /** Why the rest of the content cannot come any more, if so: waiting would not help, another session might. */
  #hopeless({ receiver, refusal }: Content): KwikError | undefined {
    // A primary that is lost may come back; the session says when it is waited for no longer.
    if (receiver.sources.length > 0 || this.#session.controlPath === undefined) return undefined;
    const text = `no server is left that has the content of stream ${receiver.streamId}`;
    if (refusal === undefined) return new KwikError('ERR_KWIK_CONTENT_UNAVAILABLE', text);
    return new KwikError('ERR_KWIK_CONTENT_UNAVAILABLE', `${text}: ${refusal.message}`, { cause: refusal });
  }

  #issue(content: Content, command: ContentCommand): void {
    const { pathId } = command;
    this.#send(pathId, askingFor(content, command, this.#session.paths.get(pathId)?.primary === true));
  }

  #send(pathId: PathId, body: KcpBody): void {
    const path = this.#session.paths.get(pathId) ?? this.#opening.get(pathId);
    path?.send(body);
  }

  /** A server that sent wrong bytes is not used any more, and the primary is told. */
  #punish(content: Content, streamId: StreamId): void {
    for (const { pathId, block } of content.receiver.takeViolations()) {
      const path = this.#session.paths.get(pathId);
      if (path === undefined) continue;
      if (path.primary && content.orphaned !== undefined) {
        // It did not announce the content, and its copy may be another one in all honesty: that costs this content alone.
        content.refusal = otherCopy(streamId);
        content.receiver.removeSource(pathId, 'untrusted');
        continue;
      }
      const reason = `block ${block} of stream ${streamId} does not match the primary's digest`;
      this.#session.controlPath?.send({
        $case: 'serverUntrusted',
        value: { pathId, streamId, block: BigInt(block), reason },
      });
      this.removePath(pathId, true);
      path.die(new KwikError('ERR_KWIK_SERVER_UNTRUSTED', `${path.address} sent wrong content: ${reason}`));
    }
  }

  #report(streamId: StreamId, content: Content, now: number): void {
    content.reportedMs = now;
    this.#session.controlPath?.send(progressOf(streamId, content));
  }

  #finish(streamId: StreamId, error: KwikError | undefined): void {
    const content = this.#contents.get(streamId);
    if (content === undefined) return;
    this.#contents.delete(streamId);
    this.#watch?.contentFinished(streamId, content.receiver.ledger.verifiedBytes, error);
    const detail = error && errorToDetail(error);
    const message: proto.ContentEnd = { streamId, complete: error === undefined, error: detail };
    this.#ended.remember(streamId, { offset: content.receiver.end, message });
    this.#report(streamId, content, this.#session.clock.now());
    const asked = new Set<PathId>();
    for (const { pathId, grantSent } of content.receiver.sources)
      if (grantSent || this.#session.paths.get(pathId)?.primary === true) asked.add(pathId);
    // It goes on with the content until it is told, also where no byte of its copy was taken.
    const { controlPath } = this.#session;
    if (content.orphaned !== undefined && controlPath !== undefined) asked.add(controlPath.id);
    for (const pathId of asked) this.#send(pathId, { $case: 'contentEnd', value: message });
    if (error !== undefined) this.#failStream(streamId, content, error);
  }

  /** Of a stream whose primary is gone nobody has the other end: it is over with its content. */
  #failStream(streamId: StreamId, { orphaned }: Content, error: KwikError): void {
    const { streams } = this.#session;
    const stream = streams.get(streamId);
    if (orphaned === undefined || stream === undefined) streams.fail(streamId, error);
    else streams.abandon(stream, error);
  }

  #expectData(): void {
    const owed = new Set<PathId>();
    for (const { receiver } of this.#contents.values()) {
      for (const source of receiver.sources) if (source.expectedBytes > 0) owed.add(source.pathId);
    }
    for (const path of this.#session.paths.values()) path.expectData(owed.has(path.id));
  }

  #keepEarly(range: EarlyRange): void {
    if (range.offset < (this.#ended.of(range.streamId)?.offset ?? 0)) return;
    if (this.#session.streams.get(range.streamId) === undefined) return;
    this.#early.keep(range);
  }

  #replayEarly(streamId: StreamId, now: number): void {
    for (const range of this.#early.take(streamId)) {
      const wanted = this.onRange(range.pathId, streamId, range.offset, range.data, now);
      // When they came they were counted as bytes that nobody wanted.
      const path = this.#session.paths.get(range.pathId);
      if (path !== undefined) path.data.duplicateBytes -= wanted;
    }
  }
}

function isLast({ endsStream, receiver: { end } }: Content, stream: StreamState | undefined): boolean {
  return endsStream || stream?.receive?.finalSize === end;
}

function otherCopy(streamId: StreamId): KwikError {
  const text = `the server that took the session over has another copy of the content of stream ${streamId}`;
  return new KwikError('ERR_KWIK_DIGEST_MISMATCH', text);
}

function addOpening(receiver: ContentReceiver, { id, rttMs }: OpeningPath, now: number): void {
  receiver.addSource(id, false, now);
  const source = receiver.source(id);
  if (source !== undefined) source.rttMs = rttMs;
}
