import { errorToDetail, verifyContentGrant } from '@kwik/kcp';
import { copyOfBytes, KwikError, toStreamId, type proto, type SessionId, type StreamId } from '@kwik/wire';
import type { ReplicaSource } from '../api/session.js';
import { RangeSupplies, type PendingRead } from '../core/content/range-supplies.js';
import type { StreamState } from '../core/streams/stream-state.js';
import type { ControlHandlers, Feature } from '../runtime/features/feature.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';
import { WaitingRequests, type WaitingRequest } from './waiting-requests.js';

/** Contents that one session may have open at a server. */
const MAX_CONTENTS = 1024;
/**
 * Requests that wait while sources are being found, in all contents of the session. Each costs some 400 bytes, whatever it brought:
 * a grant, which may be long, is not kept.
 */
const MAX_WAITING_REQUESTS = 8192;

export interface ContentServerOptions {
  readonly sessionId: SessionId;
  /**
   * Only what one of these keys has granted is opened for the client: at a secondary that of the primary that admitted the path; at
   * a primary that took the session over, those of the primaries before. Default: nothing is.
   */
  readonly grantKeys?: readonly Uint8Array[];
  /** A request that shows the grant is enough, as at secondaries; at a primary `resume` opens content. */
  readonly opensOnRequest: boolean;
  readonly wallClockMs: () => number;
  replica(key: string): Promise<ReplicaSource | undefined>;
}

/** What the client shows to have content opened. */
export interface GrantedContent {
  readonly streamId: bigint;
  readonly baseOffset: bigint;
  readonly grant: Uint8Array;
}

/** Of a path that asks for content. */
export type ContentPath = Pick<PathRuntime, 'id' | 'alive' | 'send'>;

interface OpenContent {
  readonly stream: StreamState;
  /** The stream was made for it: this server has no other part in it. */
  readonly attached: boolean;
  readonly supply: RangeSupplies;
  readonly abort: AbortController;
  source: ReplicaSource | undefined;
  readonly waiting: WaitingRequests;
  reading: boolean;
  /** Told of the source, or that there is none. */
  found?: (source: ReplicaSource | undefined) => void;
}

/** Serves ranges of content into streams of the session: at the primary what `sendFrom` opened, at a secondary what a grant names. */
export class ContentServer implements Feature {
  readonly #session: SessionContext;
  readonly #options: ContentServerOptions;
  readonly #contents = new Map<StreamId, OpenContent>();
  /** Contents of which something was sent since they were last looked at. */
  readonly #taken = new Set<OpenContent>();
  /** Contents that would read on, and wait for the session's share of what may be read ahead; who came first is first. */
  readonly #waiting = new Set<OpenContent>();
  #waitingRequests = 0;

  readonly handlers: ControlHandlers = {
    rangeRequest: (client, request) => this.request(client, request),
    rangeCancel: (client, message) => this.cancel(client, message),
  };

  constructor(session: SessionContext, options: ContentServerOptions) {
    this.#session = session;
    this.#options = options;
  }

  /** At a secondary: its client tells it that it wants no more. */
  toldByClient(): Feature {
    return { handlers: { contentEnd: (_client, { streamId }) => this.end(toStreamId(streamId)) } };
  }

  /** The primary's own content. Whoever opens it closes the source. */
  open(stream: StreamState, source: ReplicaSource, baseOffset: number): RangeSupplies {
    return this.#open(stream, baseOffset, Number(source.size), { source, attached: false }).supply;
  }

  /**
   * Opens what a primary before this one granted. Resolves with its source; undefined when it cannot be had, which the client has
   * been told.
   */
  async resume(path: ContentPath, granted: GrantedContent): Promise<ReplicaSource | undefined> {
    const streamId = toStreamId(granted.streamId);
    try {
      if (!this.#session.streams.isOver(streamId)) {
        throw new KwikError('ERR_KWIK_PERMISSION_DENIED', `stream ${streamId} is not one of the primary before`);
      }
      const content = this.#openByGrant(streamId, granted);
      // What is written into it comes by ranges alone: of the stream itself this server says nothing.
      content.stream.resetSent = true;
      return await new Promise((resolve) => {
        content.found = resolve;
      });
    } catch (error) {
      this.refuse(path, streamId, KwikError.from(error));
      return undefined;
    }
  }

  isOpen(streamId: StreamId): boolean {
    return this.#contents.has(streamId);
  }

  request(path: ContentPath, request: proto.RangeRequest): void {
    const streamId = toStreamId(request.streamId);
    let content = this.#contents.get(streamId);
    if (content === undefined) {
      try {
        if (!this.#options.opensOnRequest) throw notHere(streamId);
        content = this.#openByGrant(streamId, request);
      } catch (error) {
        this.refuse(path, streamId, KwikError.from(error));
        return;
      }
    }
    const { requestId, offset, length } = request;
    const asked = { path, requestId, offset, length };
    if (content.source !== undefined) this.#supply(content, asked);
    else if (this.#waitingRequests < MAX_WAITING_REQUESTS) this.#wait(content, asked);
    else {
      const error = new KwikError(
        'ERR_KWIK_LIMIT_EXCEEDED',
        'too many requests wait for their source; ask again later',
      );
      this.refuse(path, streamId, error, [requestId]);
    }
  }

  cancel(path: ContentPath, message: proto.RangeCancel): void {
    const content = this.#contents.get(toStreamId(message.streamId));
    if (content === undefined) return;
    if (content.supply.cancel(path.id, message.requestIds)) void this.pump(content.stream.id);
    const before = content.waiting.size;
    content.waiting.cancel(path, message.requestIds);
    this.#waitingRequests -= before - content.waiting.size;
  }

  /** The client has everything, or wants no more. */
  end(streamId: StreamId): void {
    const content = this.#contents.get(streamId);
    if (content === undefined) return;
    this.#contents.delete(streamId);
    this.#taken.delete(content);
    this.#waiting.delete(content);
    this.#takeWaiting(content);
    content.abort.abort();
    content.supply.clear();
    content.stream.supply = undefined;
    content.found?.(undefined);
    if (!content.attached) return;
    this.#session.streams.detach(content.stream);
    this.#close(content.source);
  }

  onEnd(): void {
    for (const streamId of [...this.#contents.keys()]) this.end(streamId);
  }

  /** Reads on where something was sent, or waits for room that there is now; costs nothing for all the others. */
  plan(): undefined {
    for (const content of this.#taken) {
      this.#taken.delete(content);
      void this.pump(content.stream.id);
    }
    for (const content of this.#waiting) {
      if (this.#session.account.reading.room === 0) return;
      this.#waiting.delete(content);
      void this.pump(content.stream.id);
    }
  }

  /** Reads ahead of the path while there is room; one loop per content. */
  async pump(streamId: StreamId): Promise<void> {
    const content = this.#contents.get(streamId);
    if (content?.source === undefined || content.reading) return;
    content.reading = true;
    try {
      for (;;) {
        const read = content.supply.nextRead();
        if (read === undefined) {
          if (content.supply.waitsForRoom) this.#waiting.add(content);
          return;
        }
        const bytes = await this.#read(content, content.source, read);
        if (bytes.length !== read.length) {
          const short = `asked for ${read.length} bytes at ${read.offset} and got ${bytes.length}`;
          read.failed();
          throw new KwikError('ERR_KWIK_SOURCE_FAILED', `the source gave a wrong length: ${short}`);
        }
        read.supply(bytes);
        this.#session.streams.markReady(content.stream);
      }
    } catch (error) {
      this.fail(streamId, KwikError.from(error, 'ERR_KWIK_SOURCE_FAILED'));
    } finally {
      content.reading = false;
    }
  }

  async #read({ abort }: OpenContent, source: ReplicaSource, read: PendingRead): Promise<Uint8Array> {
    try {
      const { callbacks } = this.#session;
      const bytes = await callbacks.tell('read of a source', () =>
        source.read(BigInt(read.offset), read.length, abort.signal),
      );
      // A copy, because they may wait for the path, and the source may read into the same memory again.
      return copyOfBytes(bytes, 'what the source read');
    } catch (error) {
      read.failed();
      throw error;
    }
  }

  #openByGrant(streamId: StreamId, request: GrantedContent): OpenContent {
    const { grantKeys = [] } = this.#options;
    if (grantKeys.length === 0) throw notHere(streamId);
    if (request.grant.length === 0)
      throw new KwikError('ERR_KWIK_PERMISSION_DENIED', 'the first request needs the grant');
    if (this.#contents.size >= MAX_CONTENTS)
      throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', 'too many contents are open');
    const grant = this.#verified(request.grant, grantKeys);
    if (grant.streamId !== streamId)
      throw new KwikError('ERR_KWIK_PERMISSION_DENIED', 'the grant is for another stream');
    const stream = this.#session.streams.attach(streamId);
    const content = this.#open(stream, safe(request.baseOffset), safe(grant.size), { attached: true });
    void this.#find(content, grant);
    return content;
  }

  #verified(grant: Uint8Array, keys: readonly Uint8Array[]): proto.ContentGrant {
    const { sessionId, wallClockMs } = this.#options;
    let refusal: unknown;
    for (const signer of keys) {
      try {
        return verifyContentGrant(grant, { signer, sessionId, nowMs: wallClockMs() });
      } catch (error) {
        refusal ??= error;
      }
    }
    throw refusal;
  }

  async #find(content: OpenContent, grant: proto.ContentGrant): Promise<void> {
    const streamId = content.stream.id;
    try {
      const source = await this.#options.replica(grant.key);
      if (source === undefined)
        throw new KwikError('ERR_KWIK_SOURCE_NOT_FOUND', 'this server does not have the content');
      if (this.#contents.get(streamId) !== content) {
        this.#close(source);
        return;
      }
      content.source = source;
      if (source.size !== grant.size) {
        const sizes = `${source.size} bytes here, ${grant.size} at the primary`;
        throw new KwikError('ERR_KWIK_SOURCE_FAILED', `the copies differ in size: ${sizes}`);
      }
      for (const asked of this.#takeWaiting(content)) if (asked.path.alive) this.#supply(content, asked);
      content.found?.(source);
    } catch (error) {
      this.fail(streamId, KwikError.from(error, 'ERR_KWIK_SOURCE_FAILED'));
    }
  }

  #open(
    stream: StreamState,
    baseOffset: number,
    size: number,
    { source, attached }: { readonly source?: ReplicaSource; readonly attached: boolean },
  ): OpenContent {
    const { account } = this.#session;
    const onTaken = (): void => void this.#taken.add(content);
    const supply = new RangeSupplies({ baseOffset, size, account, onTaken });
    const abort = new AbortController();
    const content: OpenContent = {
      stream,
      attached,
      supply,
      abort,
      source,
      waiting: new WaitingRequests(),
      reading: false,
    };
    stream.supply = supply;
    this.#contents.set(stream.id, content);
    return content;
  }

  #wait(content: OpenContent, asked: WaitingRequest): void {
    content.waiting.add(asked);
    this.#waitingRequests++;
  }

  #takeWaiting(content: OpenContent): WaitingRequest[] {
    this.#waitingRequests -= content.waiting.size;
    return content.waiting.takeAll();
  }

  #supply(content: OpenContent, { path, requestId, offset, length }: WaitingRequest): void {
    try {
      content.supply.request(path.id, requestId, safe(offset), length);
      void this.pump(content.stream.id);
    } catch (error) {
      this.refuse(path, content.stream.id, KwikError.from(error), [requestId]);
    }
  }

  #close(source: ReplicaSource | undefined): void {
    if (source !== undefined) this.#session.callbacks.call('close of a source', () => source.close?.());
  }

  /** The content cannot be served from here (any more). */
  fail(streamId: StreamId, error: KwikError): void {
    if (!this.#contents.has(streamId)) return;
    for (const path of this.#session.paths.values()) this.refuse(path, streamId, error);
    this.end(streamId);
  }

  /** Without ids: all of the content. */
  refuse(path: ContentPath, streamId: StreamId, error: KwikError, requestIds: bigint[] = []): void {
    path.send({ $case: 'rangeRefused', value: { streamId, requestIds, error: errorToDetail(error) } });
  }
}

function notHere(streamId: StreamId): KwikError {
  return new KwikError('ERR_KWIK_SOURCE_NOT_FOUND', `no content in stream ${streamId}`);
}

function safe(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw new KwikError('ERR_KWIK_INVALID_MESSAGE', `${value} is beyond 2^53-1`);
  return Number(value);
}
