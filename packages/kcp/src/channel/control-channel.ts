import type { proto } from '@kwik/wire';
import {
  DelimitedReader,
  KwikError,
  MAX_CONTROL_MESSAGE_BYTES,
  decodeKcpMessage,
  sessionIdToBytes,
  type SessionId,
} from '@kwik/wire';
import { equalBytes } from '../crypto/bytes.js';
import { IncomingDeadlines } from './incoming-deadlines.js';
import { Inbox, type ControlEvent } from './inbox.js';
import type { KcpBody } from './kcp-body.js';
import { answers, defaultPriority } from './message-table.js';
import { MAX_HEADER_BYTES, Outbox, encodeBody, expiryMs, joinMessage, type OutgoingMessage } from './outbox.js';
import { PendingRequests } from './pending-requests.js';

/** A stalled peer costs no more than this per path. */
export const DEFAULT_MAX_QUEUED_BYTES = 1_048_576;
export const DEFAULT_MAX_PENDING_REQUESTS = 1_024;
/** More than the messages of real use in one chunk from the transport; tiny ones must not multiply into objects. */
const MAX_QUEUED_EVENTS = 8_192;
const MAX_QUEUED_EVENT_BYTES = 4 * 1_048_576;
const SESSION_ID_BYTES = 16;
/** A hello with a token of 16 KiB, or with as much of authentication, and the rest of it. */
export const MAX_STRANGER_MESSAGE_BYTES = 20_480;
/** A hello and an answer to each of MAX_AUTH_ROUNDS challenges, twice. */
export const MAX_STRANGER_MESSAGES = 18;

export interface ControlChannelOptions {
  /** Largest message that is taken from the peer, and sent unless `setPeerMaxMessageBytes` says less; bytes. */
  readonly maxMessageBytes?: number;
  readonly maxQueuedBytes?: number;
  readonly maxPendingRequests?: number;
  readonly sessionId?: SessionId;
  /**
   * Nobody knows the peer before there is a session: until `setSessionId` it may send MAX_STRANGER_MESSAGES messages of
   * MAX_STRANGER_MESSAGE_BYTES.
   */
  readonly stranger?: boolean;
  /** For the time in headers, which is for logs only: milliseconds since 1970. Without it headers carry no time. */
  readonly wallClockMs?: () => number;
}

export interface SendOptions {
  /** Unless told, what `defaultPriority` says. */
  readonly priority?: proto.Priority;
  /** Dropped when it was not sent after this time; 0 or absent: never. Whole milliseconds. */
  readonly ttlMs?: number;
}

export interface RequestOptions {
  /** The answer's deadline, milliseconds from now. */
  readonly timeoutMs: number;
  readonly priority?: proto.Priority;
}

export interface ControlCounters {
  readonly sent: number;
  readonly received: number;
  /** Messages of a kind that this version does not know; ignored. */
  readonly unknownBodies: number;
  /** Answers to requests that are answered, timed out, or never were requests; ignored. */
  readonly lateResponses: number;
  /** Messages dropped because their time had passed: from the queue, or answers to requests that wait no longer. */
  readonly expired: number;
  readonly timedOut: number;
}

/**
 * The control stream of one path. Sans-IO: give it what the stream brings (`handleData`), write to the stream what it
 * gives (`pollTransmit`), take its events (`nextEvent`) after each call, and call `handleTimeout` at `nextTimeoutMs`.
 * `now` is milliseconds of any monotonic clock, the same in all calls.
 *
 * The numbers that `send`, `request` and `reply` return are local. The id on the wire is given when a message is taken
 * to be sent, so that ids count up there in whatever order priorities let messages go.
 */
export class ControlChannel {
  readonly #reader: DelimitedReader;
  readonly #outbox: Outbox;
  readonly #inbox = new Inbox(MAX_QUEUED_EVENTS, MAX_QUEUED_EVENT_BYTES);
  readonly #pending = new PendingRequests();
  readonly #incoming = new IncomingDeadlines();
  readonly #maxMessageBytes: number;
  readonly #maxPendingRequests: number;
  readonly #wallClockMs: (() => number) | undefined;
  #maxSendBytes: number;
  #sessionId = new Uint8Array(0);
  #stranger: boolean;
  #lastHandle = 0n;
  #lastSentId = 0n;
  #lastReceivedId = 0n;
  #failure: KwikError | undefined;
  readonly #counts = { sent: 0, received: 0, unknownBodies: 0, lateResponses: 0, timedOut: 0, lateReplies: 0 };

  constructor(options: ControlChannelOptions = {}) {
    const maxMessageBytes = options.maxMessageBytes ?? MAX_CONTROL_MESSAGE_BYTES;
    this.#maxMessageBytes = maxMessageBytes;
    this.#stranger = options.stranger === true;
    const first = this.#stranger ? Math.min(maxMessageBytes, MAX_STRANGER_MESSAGE_BYTES) : maxMessageBytes;
    this.#reader = new DelimitedReader({ maxPacketBytes: first });
    this.#maxSendBytes = maxMessageBytes;
    this.#outbox = new Outbox(options.maxQueuedBytes ?? DEFAULT_MAX_QUEUED_BYTES);
    this.#maxPendingRequests = options.maxPendingRequests ?? DEFAULT_MAX_PENDING_REQUESTS;
    this.#wallClockMs = options.wallClockMs;
    if (options.sessionId !== undefined) this.setSessionId(options.sessionId);
  }

  /** From now on headers carry the id, and a message that carries another one is a violation. */
  setSessionId(id: SessionId): void {
    this.#sessionId = new Uint8Array(sessionIdToBytes(id));
    this.#stranger = false;
    this.#reader.setMaxPacketBytes(this.#maxMessageBytes);
  }

  /** What the peer's `Limits.max_control_message_bytes` allows. */
  setPeerMaxMessageBytes(bytes: number): void {
    this.#maxSendBytes = Math.min(this.#maxSendBytes, bytes);
  }

  /** Bytes that wait for `pollTransmit`, with 64 for the header of each message. */
  get queuedBytes(): number {
    return this.#outbox.queuedBytes;
  }

  get pendingRequests(): number {
    return this.#pending.size;
  }

  get counters(): ControlCounters {
    const { lateReplies, ...counts } = this.#counts;
    return { ...counts, expired: this.#outbox.expired + lateReplies };
  }

  /**
   * Queues a notice. Throws ERR_KWIK_LIMIT_EXCEEDED when the queue is full, ERR_KWIK_PACKET_TOO_LARGE for a message
   * that the peer would not take, ERR_KWIK_INVALID_MESSAGE for a body that breaks a rule of the protocol.
   */
  send(body: KcpBody, now: number, options: SendOptions = {}): bigint {
    const ttlMs = options.ttlMs ?? 0;
    return this.#enqueue(body, now, { inReplyTo: 0n, priority: options.priority, ttlMs, isRequest: false });
  }

  /** Queues a request; its outcome is one `response` or `timeout` event. Throws as `send` does. */
  request(body: KcpBody, now: number, options: RequestOptions): bigint {
    if (this.#pending.size >= this.#maxPendingRequests) {
      throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', `${this.#maxPendingRequests} requests wait for an answer`);
    }
    if (options.timeoutMs <= 0) throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', 'a request needs a timeoutMs above 0');
    const { priority, timeoutMs } = options;
    // After its deadline nobody waits for the answer: the request is not worth sending any more.
    const requestId = this.#enqueue(body, now, {
      inReplyTo: 0n,
      priority,
      ttlMs: Math.ceil(timeoutMs),
      isRequest: true,
    });
    const deadlineMs = now + timeoutMs;
    this.#pending.add({ requestId, kind: body.$case, startedMs: now, deadlineMs, wireId: undefined });
    return requestId;
  }

  /**
   * Queues the answer to the peer's message `to`, an id from a `message` event. Dropped when the peer's time to live for
   * its request is over, by then or before it could be sent. Throws as `send` does.
   */
  reply(to: bigint, body: KcpBody, now: number, options: SendOptions = {}): bigint {
    if (to <= 0n || to > this.#lastReceivedId) {
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `no message ${to} came from the peer`);
    }
    const leftMs = Math.ceil(this.#incoming.take(to, now));
    if (leftMs <= 0) {
      this.#counts.lateReplies++;
      return ++this.#lastHandle;
    }
    const ttlMs = sooner(options.ttlMs ?? 0, leftMs);
    return this.#enqueue(body, now, { inReplyTo: to, priority: options.priority, ttlMs, isRequest: false });
  }

  /**
   * Takes bytes of the control stream; `chunk` belongs to the channel from now on. Throws a KwikError on a violation:
   * what came before it is there as events, the message at fault has done nothing, and the channel stays failed.
   */
  handleData(chunk: Uint8Array, now: number): void {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      this.#reader.push(chunk);
      for (let bytes = this.#reader.next(); bytes !== undefined; bytes = this.#reader.next()) {
        this.#handleMessage(decodeKcpMessage(bytes), bytes.length, now);
      }
    } catch (error) {
      this.#failure = KwikError.from(error);
      throw this.#failure;
    }
  }

  nextEvent(): ControlEvent | undefined {
    return this.#inbox.shift();
  }

  /** The next whole message behind its length, ready for the stream; undefined when nothing waits. */
  pollTransmit(now: number): Uint8Array | undefined {
    const message = this.#outbox.shift(now);
    if (message === undefined) return undefined;
    const id = ++this.#lastSentId;
    if (message.isRequest) this.#pending.sent(message.handle, id);
    this.#counts.sent++;
    return joinMessage(this.#header(id, message), message.encodedBody);
  }

  /** When `handleTimeout` must be called next; on the clock of `now`. */
  nextTimeoutMs(): number | undefined {
    return this.#pending.nextDeadlineMs();
  }

  handleTimeout(now: number): void {
    for (const request of this.#pending.takeOverdue(now)) {
      this.#counts.timedOut++;
      this.#inbox.push({ kind: 'timeout', requestId: request.requestId, request: request.kind }, 0);
    }
  }

  #enqueue(
    body: KcpBody,
    now: number,
    how: { inReplyTo: bigint; priority: proto.Priority | undefined; ttlMs: number; isRequest: boolean },
  ): bigint {
    const encodedBody = encodeBody(body);
    if (encodedBody.length + MAX_HEADER_BYTES > this.#maxSendBytes) {
      const what = `${body.$case} of ${encodedBody.length} bytes`;
      throw new KwikError('ERR_KWIK_PACKET_TOO_LARGE', `${what}: the peer takes at most ${this.#maxSendBytes}`);
    }
    const { inReplyTo, ttlMs, isRequest } = how;
    const priority = how.priority ?? defaultPriority(body.$case);
    const handle = this.#lastHandle + 1n;
    const expiresMs = expiryMs(ttlMs, now);
    this.#outbox.push({ handle, inReplyTo, priority, ttlMs, expiresMs, isRequest, encodedBody }, now);
    this.#lastHandle = handle;
    return handle;
  }

  #header(id: bigint, message: OutgoingMessage): proto.MessageHeader {
    return {
      id,
      inReplyTo: message.inReplyTo,
      sessionId: this.#sessionId,
      priority: message.priority,
      ttlMs: message.ttlMs,
      timeMs: this.#wallClockMs === undefined ? 0n : BigInt(Math.trunc(this.#wallClockMs())),
    };
  }

  #handleMessage(message: proto.KcpMessage, bytes: number, now: number): void {
    const header = this.#checkHeader(message.header);
    const { body } = message;
    if (this.#stranger && this.#counts.received >= MAX_STRANGER_MESSAGES) {
      throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', `more than ${MAX_STRANGER_MESSAGES} messages before the session`);
    }
    if (body === undefined) this.#counts.unknownBodies++;
    else if (header.inReplyTo !== 0n) this.#handleResponse(header.inReplyTo, body, bytes, now);
    else {
      this.#inbox.push({ kind: 'message', id: header.id, header, body }, bytes);
      this.#incoming.add(header.id, header.ttlMs, now);
    }
    this.#lastReceivedId = header.id;
    this.#counts.received++;
  }

  #checkHeader(header: proto.MessageHeader | undefined): proto.MessageHeader {
    if (header === undefined) throw new KwikError('ERR_KWIK_INVALID_MESSAGE', 'a control message has no header');
    const { id, inReplyTo, sessionId } = header;
    if (id <= this.#lastReceivedId) {
      throw new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', `message id ${id} after ${this.#lastReceivedId}`);
    }
    if (inReplyTo > this.#lastSentId) {
      throw new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', `an answer to message ${inReplyTo}, which was never sent`);
    }
    if (sessionId.length !== 0 && sessionId.length !== SESSION_ID_BYTES) {
      throw new KwikError('ERR_KWIK_INVALID_MESSAGE', `a session id of ${sessionId.length} bytes`);
    }
    if (sessionId.length !== 0 && this.#sessionId.length !== 0 && !equalBytes(sessionId, this.#sessionId)) {
      throw new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', 'a control message names another session');
    }
    return header;
  }

  #handleResponse(wireId: bigint, body: KcpBody, bytes: number, now: number): void {
    const request = this.#pending.find(wireId);
    if (request === undefined) {
      this.#counts.lateResponses++;
      return;
    }
    if (!answers(request.kind, body.$case)) {
      throw new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', `${body.$case} does not answer ${request.kind}`);
    }
    const elapsedMs = now - request.startedMs;
    this.#inbox.push({ kind: 'response', requestId: request.requestId, body, elapsedMs }, bytes);
    this.#pending.remove(request);
  }
}

/** Of a time to live, where 0 stands for ever, and what is left otherwise. */
function sooner(ttlMs: number, leftMs: number): number {
  if (leftMs === Infinity) return ttlMs;
  return ttlMs === 0 ? leftMs : Math.min(ttlMs, leftMs);
}
