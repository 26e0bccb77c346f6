import type { BackendConnection } from '../backends/backend.js';
import { BlockedStreams } from './blocked-streams.js';
import { BulkWatch } from './bulk-watch.js';
import { DatagramSize } from './datagram-size.js';
import type { Pacer } from './pacer.js';
import type { PathSampler } from './path-sampler.js';
import { SendAhead } from './send-ahead.js';
import type { QuicStream } from './stream.js';
import { streamRoom } from './stream-room.js';
import { LinkedQueue } from './linked-queue.js';

/** Where datagrams go. */
export interface DatagramOutput {
  /** Memory for the next datagram. */
  slot(): Buffer;
  /** The first `bytes` of the slot are sent. */
  submit(bytes: number): void;
  /** The kernel takes no more for now. */
  congested(): boolean;
}

export interface SenderOptions {
  readonly datagramBytes: number;
  /** What every path carries. */
  readonly baseBytes?: number;
  readonly sendAheadMs: number;
}

/** Datagrams of one connection in one turn of the loop; then others have theirs. */
const MAX_DATAGRAMS_PER_TURN = 64;
/** Probes, acknowledgements and the like that may go although pacing has nothing left. */
const UNPACED_DATAGRAMS = 2;
/** Handed to the backend at a time, at most: what it holds can no longer be shared out anew. */
const FEED_BYTES = 64 * 1024;
/** Short header, ids, packet number, AEAD tag and STREAM header, as they commonly are and as they may be at most. */
const COMMON_OVERHEAD_BYTES = 44;
const MAX_OVERHEAD_BYTES = 54;
/** What any stream may queue although others have filled the connection's share, so that control data gets through. */
const MIN_STREAM_DATAGRAMS = 4;
/** The kernel's queue was full: when to try again. */
const CONGESTED_RETRY_MS = 1;
/** A packet with stream data is longer than this; a mere acknowledgement rarely is, and is itself not acknowledged. */
const MIN_DATA_PACKET_BYTES = 48;

const EMPTY = new Uint8Array(0);

/**
 * Decides what goes onto the wire and when. Written bytes wait here, in queues per stream, until window and pacing have
 * room for them; only then the backend gets them. So the count of what is unsent is exact, and what the backend itself
 * holds (retransmissions apart) stays below one burst.
 */
export class Sender {
  /** Bytes in stream queues, without those held by the peer's flow control. */
  private queued = 0;
  /** Handed to the backend and, by estimate, not yet on the wire. */
  private residual = 0;
  /** The next datagram asks for an acknowledgement, whatever it holds. */
  private pinging = false;
  /** In datagrams that are acknowledged, since the connection began. */
  private dataBytes = 0;
  private room = 0;
  private roomKnown = false;
  /** Something came from the peer since blocked streams were last tried. */
  private newGrants = false;
  /** A packet came since the last one went. Only then is the backend's room exact, for it counts no headers. */
  private isFresh = false;
  private readonly ready = new LinkedQueue<QuicStream>();
  private readonly blocked = new BlockedStreams();
  /** When to go on, ms; Infinity when nothing waits for time. */
  wakeAtMs = Infinity;
  /** The turn ended by its bound, not for lack of data. */
  hasMore = false;
  private wasBelow = true;
  /** The backend had nothing more to send when it was last asked, and has got nothing since. */
  private backendDone = false;
  /** How long datagrams may be. */
  readonly sizes: DatagramSize;
  private readonly ahead: SendAhead;
  private readonly bulk = new BulkWatch();
  private busy = false;
  private isBusy = false;

  constructor(
    private readonly backend: BackendConnection,
    private readonly pacer: Pacer,
    private readonly sampler: PathSampler,
    private readonly output: DatagramOutput,
    private readonly streams: ReadonlyMap<number, QuicStream>,
    options: SenderOptions,
  ) {
    this.sizes = new DatagramSize(options.datagramBytes, options.baseBytes);
    this.ahead = new SendAhead(pacer, sampler, this.sizes, options.sendAheadMs);
  }

  get unsentBytes(): number {
    return this.queued + this.blocked.bytes + this.residual;
  }

  /** The backend has bytes that it has not sent, by estimate. */
  get holdsBytes(): boolean {
    return this.residual > 0;
  }

  /** Nothing is left to be sent, FINs included. */
  get drained(): boolean {
    if (this.ready.size > 0 || this.blocked.size > 0 || !this.backendDone) return false;
    // The backend gave nothing more: it is empty, unless its window is full.
    return this.queryRoom() >= this.sizes.datagramBytes;
  }

  get inFlightBytes(): number {
    return Math.max(0, this.sampler.latest.cwndBytes - this.windowRoom());
  }

  /** Of the datagrams with stream data, what is not in flight any more; 0 when it cannot be told. */
  get settledBytes(): number {
    return this.isFresh ? this.dataBytes - this.inFlightBytes : 0;
  }

  /** Whether the path has limited the sender since this was last asked. */
  takeBusy(): boolean {
    const busy = this.busy;
    // Until something is sent again, what held last holds on: samples are taken more often than that.
    this.busy = this.isBusy;
    return busy;
  }

  /** Milliseconds since stream data in bulk was last handed to the backend. */
  quietFor(now: number): number {
    return this.bulk.quietFor(now);
  }

  /** Has the peer acknowledge the next datagram, though there be nothing to send. */
  ping(): void {
    this.backend.elicitAcknowledgement();
    this.pinging = true;
  }

  /** A packet came. */
  onReceived(now: number): void {
    this.ahead.active(now);
    this.sizes.received(now);
    this.isFresh = true;
    this.onWindowChange();
  }

  /** The backend's timer fired. */
  onTimeout(now: number): void {
    this.sizes.timedOut(now);
    this.onWindowChange();
  }

  /** Packets may have been acknowledged or declared lost: what is known of the window is old. */
  onWindowChange(): void {
    this.backendDone = false;
    this.roomKnown = false;
    this.newGrants = true;
  }

  /** A sample was taken; since the last one the backend has taken `bytes` back into its buffer, to send them once more. */
  onSample(bytes: number, now: number): void {
    this.residual += bytes;
    this.sizes.sampled(this.sampler.latest, this.sampler.rttMs, this.settledBytes, now);
  }

  /** A new stream can tell the room of the connection. */
  onStreamOpened(): void {
    this.roomKnown = false;
  }

  /** Takes what fits of `data`; the rest is the caller's until `onWritable`. */
  accept(stream: QuicStream, data: Uint8Array, now: number): number {
    const share = this.ahead.limitBytes - this.queued - this.residual;
    const own = MIN_STREAM_DATAGRAMS * this.sizes.datagramBytes - stream.queue.length;
    const held = stream.blocked && stream.queue.length >= this.ahead.limitBytes;
    const count = held ? 0 : Math.min(data.length, Math.max(share, own, 0));
    let done = 0;
    if (count > 0 && this.ready.size === 0 && !stream.blocked) done = this.feedDirectly(stream, data, count, now);
    if (done < count && stream.sendSide === 'open') this.enqueue(stream, data.subarray(done, count));
    if (count < data.length) stream.wantsWritable = true;
    return count;
  }

  /** The stream's FIN is to be sent after its queue. */
  finish(stream: QuicStream): void {
    if (!stream.blocked) this.ready.add(stream);
  }

  /** Forgets what the stream still had to send. */
  discard(stream: QuicStream): void {
    if (!this.blocked.release(stream)) this.queued -= stream.queue.length;
    stream.queue.clear();
    stream.wantsWritable = false;
    stream.sendSide = 'done';
    this.ready.delete(stream);
  }

  /** Room in window and pacing, less what is unsent; 0 when it is too little to be worth a write. */
  sendable(now: number): number {
    const paced = this.pacer.unlimited ? this.ahead.limitBytes : this.pacer.budget(now) + this.ahead.aheadBytes;
    const free = Math.min(this.windowRoom(), paced - this.residual) - this.queued;
    if (free >= this.ahead.worthwhileBytes(now)) return Math.floor(free);
    this.wasBelow = true;
    return 0;
  }

  /** Whether there is room again, and nobody was told. */
  sendableEdge(now: number): boolean {
    return this.wasBelow && this.sendable(now) > 0;
  }

  /** The same, and now somebody is told. */
  takeSendableEdge(now: number): boolean {
    if (!this.sendableEdge(now)) return false;
    this.wasBelow = false;
    return true;
  }

  /** Whether a stream whose write came up short can take a datagram again. */
  writableAgain(stream: QuicStream): boolean {
    if (stream.blocked) return false;
    return this.ahead.limitBytes - this.queued - this.residual >= this.sizes.datagramBytes;
  }

  /** Sends what window, pacing and this turn's share allow. */
  transmit(now: number): void {
    if (now > this.wakeAtMs) this.pacer.forgive(this.wakeAtMs, now);
    this.hasMore = false;
    this.wakeAtMs = Infinity;
    this.retryBlocked();
    for (let sent = 0; ; ) {
      if (this.output.congested()) {
        this.wakeAtMs = now + CONGESTED_RETRY_MS;
        return;
      }
      if (sent >= MAX_DATAGRAMS_PER_TURN) {
        this.hasMore = true;
        return;
      }
      if (sent >= UNPACED_DATAGRAMS && this.pacer.budget(now) <= 0) break;
      // First of all, so that acknowledgements go along with data.
      if (sent === 0) this.feed(now);
      if (this.sendOne(now)) sent += 1;
      else if (!this.feed(now)) break;
    }
    this.planWake(now);
    // Something waits, all room is used, or the user has taken all that it was offered: the path sets the pace.
    const waits = this.queued > 0 || !this.backendDone || this.wasBelow;
    this.isBusy = waits || this.windowRoom() < this.sizes.datagramBytes;
    if (this.isBusy) this.busy = true;
  }

  private sendOne(now: number): boolean {
    const bytes = this.backend.send(this.output.slot());
    this.backendDone = bytes === 0;
    if (this.backendDone) {
      // The backend is empty, or its window is full. With room left it is the former, whatever the estimate says.
      if (this.residual > 0 && this.queryRoom() >= this.sizes.datagramBytes) {
        this.residual = 0;
        this.roomKnown = false;
      }
      return false;
    }
    this.output.submit(bytes);
    this.isFresh = false;
    this.pacer.consume(bytes, now);
    this.count(bytes, now);
    this.residual = Math.max(0, this.residual - Math.max(0, bytes - COMMON_OVERHEAD_BYTES));
    return true;
  }

  /** A datagram that will be acknowledged tells of the round trip. */
  private count(bytes: number, now: number): void {
    const isData = bytes > MIN_DATA_PACKET_BYTES;
    if (this.pinging || (isData && this.residual > 0)) {
      this.pinging = false;
      this.dataBytes += bytes;
      this.sampler.probe.sent(this.dataBytes, now);
    }
    if (isData) this.sizes.sent(bytes, this.dataBytes, now);
  }

  /** Hands the backend the next bytes, of several pieces where one would not fill a datagram; false: none may or need go. */
  private feed(now: number): boolean {
    let fed = false;
    for (let stream = this.ready.first; stream && this.residual < FEED_BYTES; stream = this.ready.first) {
      const allowed = this.allowance(Math.min(this.queued, FEED_BYTES), now);
      if (stream.queue.length > 0 && allowed <= 0) break;
      if (this.feedStream(stream, allowed, now)) fed = true;
    }
    return fed;
  }

  /** One piece of a stream's queue; the stream then goes behind the others. */
  private feedStream(stream: QuicStream, allowed: number, now: number): boolean {
    const piece = stream.queue.length === 0 ? EMPTY : stream.queue.peek(allowed);
    const fin = stream.sendSide === 'ending' && piece.length === stream.queue.length;
    this.ready.delete(stream);
    const taken = this.offer(stream, piece, fin, now);
    if (taken < 0) return false;
    stream.queue.consume(taken);
    this.queued -= taken;
    const all = taken === piece.length;
    if (fin && all) stream.sendSide = 'done';
    else if (!all && this.room > 0) this.block(stream);
    else if (stream.queue.length > 0 || stream.sendSide === 'ending') this.ready.add(stream);
    return taken > 0 || (fin && all);
  }

  private feedDirectly(stream: QuicStream, data: Uint8Array, count: number, now: number): number {
    const allowed = this.allowance(count, now);
    if (allowed <= 0) return 0;
    const taken = this.offer(stream, data.subarray(0, allowed), false, now);
    if (taken >= 0 && taken < allowed && this.room > 0) this.block(stream);
    return Math.max(0, taken);
  }

  /** Bytes the backend took; -1 when the stream takes none ever again. Afterwards `room` > 0 tells who was short. */
  private offer(stream: QuicStream, piece: Uint8Array, fin: boolean, now: number): number {
    const roomBefore = this.windowRoom();
    const taken = this.backend.streamSend(stream.id, piece, fin);
    if (typeof taken !== 'number') {
      if (taken.kind === 'stopped') stream.pendingStop = taken.code;
      this.discard(stream);
      return -1;
    }
    this.backendDone = false;
    this.residual += taken;
    this.room = Math.max(0, roomBefore - taken);
    this.bulk.sent(taken, now);
    this.ahead.active(now);
    return taken;
  }

  /** How many of `wanted` bytes may go to the backend now: all, or as many as fill whole datagrams. */
  private allowance(wanted: number, now: number): number {
    // All of the window, though headers will need some of it: a backend that is given less than it could send takes
    // its user for idle, and does not let the window grow.
    const room = this.windowRoom();
    const budget = this.pacer.budget(now);
    const paced = budget - this.residual;
    if (Math.min(room, paced) >= wanted) return wanted;
    if (room <= paced) return room;
    const payload = this.sizes.datagramBytes - MAX_OVERHEAD_BYTES;
    return Math.floor(budget / payload) * payload - this.residual;
  }

  private enqueue(stream: QuicStream, data: Uint8Array): void {
    stream.queue.push(data);
    if (stream.blocked) {
      this.blocked.grew(data.length);
      return;
    }
    this.queued += data.length;
    this.ready.add(stream);
  }

  private block(stream: QuicStream): void {
    this.blocked.add(stream);
    this.queued -= stream.queue.length;
  }

  /** The peer may have granted more since. */
  private retryBlocked(): void {
    if (!this.newGrants) return;
    this.newGrants = false;
    for (const stream of this.blocked) {
      const capacity = this.backend.streamCapacity(stream.id);
      if (capacity === 0) continue;
      this.blocked.release(stream);
      this.queued += stream.queue.length;
      if (stream.queue.length > 0 || stream.sendSide === 'ending') this.ready.add(stream);
    }
  }

  /** What the congestion window and the connection's flow control leave for bytes that the backend does not have yet. */
  private windowRoom(): number {
    if (!this.roomKnown) {
      // What the backend still holds will use the window, but it does not count it.
      this.room = Math.max(0, this.queryRoom() - this.residual);
      this.roomKnown = true;
    }
    // The window may have grown with the newest sample: compared with the one of before, too much would seem in flight.
    return Math.min(this.room, this.sampler.latest.cwndBytes);
  }

  private queryRoom(): number {
    return streamRoom(this.backend, this.streams.values()) ?? this.sampler.latest.cwndBytes;
  }

  /** If only time holds the sender or its user back, says until when. */
  private planWake(now: number): void {
    if (this.pacer.unlimited) return;
    const waiting = !this.backendDone || (this.queued > 0 && this.windowRoom() >= this.sizes.datagramBytes);
    if (!waiting && !this.wasBelow) return;
    const waitMs = this.pacer.waitMs(this.sizes.datagramBytes, now);
    if (waitMs > 0) this.wakeAtMs = now + waitMs;
    else if (this.wasBelow && now < this.ahead.littleFromMs) this.wakeAtMs = this.ahead.littleFromMs;
  }
}
