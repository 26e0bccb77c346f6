import { KwikError } from '@kwik/wire';

/** Datagrams that wait to be sent; the oldest give way to newer ones, which are worth more. */
const MAX_WAITING = 256;
const MAX_WAITING_BYTES = 1024 * 1024;
/** What has waited for so long is not worth sending any more, unless its sender says otherwise. */
const DEFAULT_DEADLINE_MS = 1000;
const MAX_DEADLINE_MS = 60_000;

/** How a datagram is sent. */
export interface DatagramOptions {
  /** 2: on two paths at once, where there are two; it is delivered once. Default: 1. */
  readonly copies?: 1 | 2;
  /** Dropped when it could not be sent for so long; 1 to 60,000 milliseconds. Default: 1,000. */
  readonly deadlineMs?: number;
}

export interface WaitingDatagram {
  readonly data: Uint8Array;
  /** The same on all paths that it takes. */
  readonly sequence: bigint;
  readonly copies: 1 | 2;
  readonly expiresAtMs: number;
}

/** What a session sends without promising anything: kept for a moment, sent once, forgotten. */
export class DatagramQueue {
  #waiting: WaitingDatagram[] = [];
  #bytes = 0;
  #sequence = 0n;
  #dropped = 0;
  /** As the peer announced; 0: it takes none. */
  maxBytes = 0;

  /** Handed over and not sent: too many waited, or for too long. */
  get dropped(): number {
    return this.#dropped;
  }

  get empty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Throws ERR_KWIK_INVALID_ARGUMENT, ERR_KWIK_UNSUPPORTED, ERR_KWIK_PACKET_TOO_LARGE. Keeps `data`. */
  push(data: Uint8Array, { copies = 1, deadlineMs = DEFAULT_DEADLINE_MS }: DatagramOptions, now: number): void {
    if (![1, 2].includes(copies)) throw invalid('copies is 1 or 2');
    if (!(Number.isInteger(deadlineMs) && deadlineMs >= 1 && deadlineMs <= MAX_DEADLINE_MS)) {
      throw invalid(`deadlineMs is a whole number from 1 to ${MAX_DEADLINE_MS}`);
    }
    if (this.maxBytes === 0) throw new KwikError('ERR_KWIK_UNSUPPORTED', 'the peer takes no datagrams');
    if (data.length > this.maxBytes) {
      const what = `a datagram of ${data.length} bytes; the peer takes up to ${this.maxBytes} (maxDatagramSize)`;
      throw new KwikError('ERR_KWIK_PACKET_TOO_LARGE', what);
    }
    this.#waiting.push({ data, copies, sequence: this.#sequence++, expiresAtMs: now + deadlineMs });
    this.#bytes += data.length;
    while (this.#waiting.length > MAX_WAITING || this.#bytes > MAX_WAITING_BYTES) this.#drop();
  }

  /** The next one that is still worth sending; it stays. */
  peek(now: number): WaitingDatagram | undefined {
    while (this.#waiting[0] !== undefined && this.#waiting[0].expiresAtMs <= now) this.#drop();
    return this.#waiting[0];
  }

  /** The one that `peek` gave is sent. */
  shift(): void {
    this.#bytes -= this.#waiting.shift()?.data.length ?? 0;
  }

  clear(): void {
    this.#waiting = [];
    this.#bytes = 0;
  }

  #drop(): void {
    this.shift();
    this.#dropped++;
  }
}

function invalid(what: string): KwikError {
  return new KwikError('ERR_KWIK_INVALID_ARGUMENT', `of a datagram ${what}`);
}
