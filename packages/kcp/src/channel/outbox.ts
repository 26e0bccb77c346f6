import { KwikError, MAX_UINT32, encodeDelimited, encodeKcpMessage, proto } from '@kwik/wire';
import { concat } from '../crypto/bytes.js';
import type { KcpBody } from './kcp-body.js';
import { levelOf } from './priorities.js';
import { SendQueue } from './send-queue.js';

/** A header with every field at its longest: id and reply 11 each, session 18, priority 2, ttl 6, time 11, its own frame 2. */
export const MAX_HEADER_BYTES = 64;

const EMPTY_HEADER: proto.MessageHeader = {
  id: 0n,
  inReplyTo: 0n,
  sessionId: new Uint8Array(0),
  priority: proto.Priority.UNSPECIFIED,
  ttlMs: 0,
  timeMs: 0n,
};
const EMPTY_HEADER_BYTES = 2;

export interface OutgoingMessage {
  /** What the sender was given for it. */
  readonly handle: bigint;
  readonly inReplyTo: bigint;
  readonly priority: proto.Priority;
  /** 0: for ever. */
  readonly ttlMs: number;
  readonly expiresMs: number;
  readonly isRequest: boolean;
  /** The body as it was when it was handed over; what the caller does to it later changes nothing. */
  readonly encodedBody: Uint8Array;
}

/** Messages that wait to be sent: bounded in bytes, taken by priority, dropped when past their time. */
export class Outbox {
  readonly #queue = new SendQueue<OutgoingMessage>();
  readonly #maxQueuedBytes: number;
  #queuedBytes = 0;
  #expired = 0;

  constructor(maxQueuedBytes: number) {
    this.#maxQueuedBytes = maxQueuedBytes;
  }

  /** Bodies that wait, and MAX_HEADER_BYTES for each. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Messages dropped because their time had passed. */
  get expired(): number {
    return this.#expired;
  }

  /** Throws ERR_KWIK_LIMIT_EXCEEDED when the queue is full of messages that are still worth sending. */
  push(message: OutgoingMessage, now: number): void {
    const bytes = queuedSize(message);
    if (this.#queuedBytes + bytes > this.#maxQueuedBytes) {
      this.#queue.dropWhere(
        (queued) => queued.expiresMs <= now,
        (queued) => this.#dropExpired(queued),
      );
    }
    if (this.#queuedBytes + bytes > this.#maxQueuedBytes) {
      throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', `the control queue holds its ${this.#maxQueuedBytes} bytes`);
    }
    this.#queue.push(levelOf(message.priority), message);
    this.#queuedBytes += bytes;
  }

  shift(now: number): OutgoingMessage | undefined {
    for (let message = this.#queue.shift(); message !== undefined; message = this.#queue.shift()) {
      if (message.expiresMs > now) {
        this.#queuedBytes -= queuedSize(message);
        return message;
      }
      this.#dropExpired(message);
    }
    return undefined;
  }

  #dropExpired(message: OutgoingMessage): void {
    this.#queuedBytes -= queuedSize(message);
    this.#expired++;
  }
}

/**
 * The encoded body; behind an encoded header it is an encoded KcpMessage. What a peer would refuse is refused here:
 * ERR_KWIK_INVALID_MESSAGE, ERR_KWIK_PACKET_TOO_LARGE.
 */
export function encodeBody(body: KcpBody): Uint8Array {
  const framed = encodeKcpMessage({ header: EMPTY_HEADER, body });
  // Behind the length comes the header (field 1), which takes 2 bytes when it is empty; then the body.
  return framed.subarray(framed.findIndex((byte) => byte < 0x80) + 1 + EMPTY_HEADER_BYTES);
}

/** Protobuf messages join by concatenation. */
export function joinMessage(header: proto.MessageHeader, encodedBody: Uint8Array): Uint8Array {
  return encodeDelimited(concat([proto.KcpMessage.encode({ header, body: undefined }).finish(), encodedBody]));
}

/** When a message of this time to live stops being worth sending. Throws ERR_KWIK_INVALID_ARGUMENT. */
export function expiryMs(ttlMs: number, now: number): number {
  if (!Number.isInteger(ttlMs) || ttlMs < 0 || ttlMs > MAX_UINT32) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `a time to live of ${ttlMs} is not whole milliseconds below 2^32`);
  }
  return ttlMs === 0 ? Infinity : now + ttlMs;
}

function queuedSize(message: OutgoingMessage): number {
  return message.encodedBody.length + MAX_HEADER_BYTES;
}
