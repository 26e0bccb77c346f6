import { KwikError, type proto } from '@kwik/wire';
import type { KcpBody } from './kcp-body.js';

export type ControlEvent =
  /** A notice or a request from the peer; `id` is what a `reply` names. */
  | {
      readonly kind: 'message';
      readonly id: bigint;
      readonly header: proto.MessageHeader;
      readonly body: KcpBody;
    }
  /** Answers a request of ours; an `error` body is an answer, too. `elapsedMs` counts from the call of `request`. */
  | { readonly kind: 'response'; readonly requestId: bigint; readonly body: KcpBody; readonly elapsedMs: number }
  /** No answer came in time. */
  | { readonly kind: 'timeout'; readonly requestId: bigint; readonly request: KcpBody['$case'] };

/** Events that wait to be taken, bounded in number and bytes. */
export class Inbox {
  readonly #maxEvents: number;
  readonly #maxBytes: number;
  #events: { readonly event: ControlEvent; readonly bytes: number }[] = [];
  #head = 0;
  #bytes = 0;

  constructor(maxEvents: number, maxBytes: number) {
    this.#maxEvents = maxEvents;
    this.#maxBytes = maxBytes;
  }

  /** `bytes`: what the message took on the wire. Throws ERR_KWIK_LIMIT_EXCEEDED. */
  push(event: ControlEvent, bytes: number): void {
    // Timeouts are bounded by the requests that we made ourselves; they must not get lost.
    const full = this.#events.length - this.#head >= this.#maxEvents || this.#bytes + bytes > this.#maxBytes;
    if (full && event.kind !== 'timeout') {
      throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', 'the peer sends control messages faster than they are taken');
    }
    this.#events.push({ event, bytes });
    this.#bytes += bytes;
  }

  shift(): ControlEvent | undefined {
    const entry = this.#events[this.#head];
    if (entry === undefined) return undefined;
    this.#head++;
    this.#bytes -= entry.bytes;
    if (this.#head * 2 >= this.#events.length) {
      this.#events = this.#events.slice(this.#head);
      this.#head = 0;
    }
    return entry.event;
  }
}
