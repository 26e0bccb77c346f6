import type { BackendConnection } from '../backends/backend.js';
import type { PathSampler } from './path-sampler.js';
import { MAX_UNSENT_BYTES } from './send-ahead.js';
import type { QuicStream } from './stream.js';

/** Short header, ids, packet number, AEAD tag and STREAM header, as they commonly are. */
const COMMON_OVERHEAD_BYTES = 44;
/** Streams that are asked for the connection's room: one held by its own flow control would tell too little. */
const MAX_QUERIES = 4;

/**
 * What congestion window and flow control of the connection leave, and what the backend was given and has not sent. The
 * backend tells neither exactly: its room counts no headers and nothing that it still holds, and is renewed only when a
 * packet comes.
 */
export class SendWindow {
  /** Handed to the backend and, by estimate, not yet on the wire. */
  private held = 0;
  private room = 0;
  private isKnown = false;
  /** A packet came since the last one went. Only then is the backend's room exact. */
  private isFresh = false;
  /** The backend had nothing more to send when it was last asked, and has got nothing since. */
  private isEmpty = false;

  constructor(
    private readonly backend: BackendConnection,
    private readonly sampler: PathSampler,
    private readonly streams: ReadonlyMap<number, QuicStream>,
    private readonly sizes: { readonly datagramBytes: number },
  ) {}

  /** What the backend holds, by estimate. */
  get heldBytes(): number {
    return this.held;
  }

  /** The backend has nothing to send that it may send. */
  get idle(): boolean {
    return this.isEmpty;
  }

  /** The backend has nothing to send at all. */
  get drained(): boolean {
    // It gave nothing more: it is empty, unless its window is full.
    return this.isEmpty && this.query() >= this.sizes.datagramBytes;
  }

  get inFlightBytes(): number {
    return Math.max(0, this.sampler.latest.cwndBytes - this.roomBytes());
  }

  /** `inFlightBytes`; undefined while it is an estimate. */
  get exactInFlightBytes(): number | undefined {
    return this.isFresh ? this.inFlightBytes : undefined;
  }

  /** Room for bytes that the backend does not have yet. */
  roomBytes(): number {
    if (!this.isKnown) {
      // What the backend still holds will use the window, but it does not count it.
      this.room = Math.max(0, this.query() - this.held);
      this.isKnown = true;
    }
    // The window may have grown with the newest sample: compared with the one of before, too much would seem in flight.
    return Math.min(this.room, this.sampler.latest.cwndBytes);
  }

  /** Less than a datagram has room. */
  get isFull(): boolean {
    return this.roomBytes() < this.sizes.datagramBytes;
  }

  /** The connection's window has room left: who could send no more is held by its own flow control. */
  get hasRoom(): boolean {
    return this.room > 0;
  }

  /** A packet came. */
  received(): void {
    this.isFresh = true;
    this.changed();
  }

  /** Packets may have been acknowledged or declared lost. */
  changed(): void {
    this.isEmpty = false;
    this.isKnown = false;
  }

  /** A new stream can tell the room of the connection. */
  streamOpened(): void {
    this.isKnown = false;
  }

  /** The backend, which had `roomBefore`, took `bytes` of stream data. */
  taken(bytes: number, roomBefore: number): void {
    this.isEmpty = false;
    this.held += bytes;
    this.room = Math.max(0, roomBefore - bytes);
  }

  /** The backend has taken `bytes` back into its buffer, to send them once more. */
  retransmits(bytes: number): void {
    this.held += bytes;
  }

  /** A datagram of `bytes` left. */
  sent(bytes: number): void {
    this.isFresh = false;
    this.isEmpty = false;
    this.held = Math.max(0, this.held - Math.max(0, bytes - COMMON_OVERHEAD_BYTES));
  }

  /** The backend was asked for a datagram and had none. */
  ranDry(): void {
    this.isEmpty = true;
    // It is empty, or its window is full. With room left it is the former, whatever the estimate says.
    if (this.held === 0 || this.query() < this.sizes.datagramBytes) return;
    this.held = 0;
    this.isKnown = false;
  }

  private query(): number {
    return streamRoom(this.backend, this.streams.values()) ?? this.sampler.latest.cwndBytes;
  }
}

/** What congestion window and flow control leave, as far as open streams can tell; undefined when there is none. */
export function streamRoom(backend: BackendConnection, streams: Iterable<QuicStream>): number | undefined {
  let room: number | undefined;
  let queries = 0;
  for (const stream of streams) {
    if (stream.sendSide !== 'open' && stream.sendSide !== 'ending') continue;
    const capacity = backend.streamCapacity(stream.id);
    if (typeof capacity === 'number') room = Math.max(room ?? 0, capacity);
    queries += 1;
    if (queries === MAX_QUERIES || (room ?? 0) > MAX_UNSENT_BYTES) break;
  }
  return room;
}
