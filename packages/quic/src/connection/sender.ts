import type { BackendConnection } from '../backends/backend.js';
import { DatagramSize } from './datagram-size.js';
import type { Pacer } from './pacer.js';
import type { PathSampler } from './path-sampler.js';
import { SendActivity } from './send-activity.js';
import { SendAhead } from './send-ahead.js';
import { SendScheduler } from './send-scheduler.js';
import { SendWindow } from './send-window.js';
import type { QuicStream } from './stream.js';

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
  /** `datagramBytes` is what the route allows, and used where the path is fast enough. */
  readonly followsRoute?: boolean;
  /** What the path was found to carry before. */
  readonly knownBytes?: number;
  /** Told of the size above which the path was found to carry nothing. */
  readonly onSizeLimit?: (bytes: number) => void;
}

/** Datagrams of one connection in one turn of the loop; then others have theirs. */
const MAX_DATAGRAMS_PER_TURN = 64;
/** Their bytes, when they are long: some milliseconds of work. */
const MAX_BYTES_PER_TURN = 256 * 1024;
/** Probes, acknowledgements and the like that may go although pacing has nothing left. */
const UNPACED_DATAGRAMS = 2;
/** Handed to the backend at a time, at most: what it holds can no longer be shared out anew. */
const FEED_BYTES = 64 * 1024;
/** Short header, ids, packet number, AEAD tag and STREAM header, as they may be at most. */
const MAX_OVERHEAD_BYTES = 54;
/** What any stream may queue although others have filled the connection's share, so that control data gets through. */
const MIN_STREAM_DATAGRAMS = 4;
/** The kernel's queue was full: when to try again. */
const CONGESTED_RETRY_MS = 1;
/** A packet with stream data is longer than this; a mere acknowledgement rarely is, and is itself not acknowledged. */
const MIN_DATA_PACKET_BYTES = 48;

const EMPTY = new Uint8Array(0);

/**
 * Decides what goes onto the wire and when: the loop between the scheduler of streams, the window, the pacer and the
 * backend. Written bytes wait in queues per stream until window and pacing have room for them; only then the backend gets
 * them. So the count of what is unsent is exact, and what the backend itself holds (retransmissions apart) stays below one
 * burst.
 */
export class Sender {
  /** When to go on, ms; Infinity when nothing waits for time. */
  wakeAtMs = Infinity;
  /** The turn ended by its bound, not for lack of data. */
  hasMore = false;
  /** How long datagrams may be. */
  readonly sizes: DatagramSize;
  private readonly scheduler = new SendScheduler();
  private readonly window: SendWindow;
  private readonly activity = new SendActivity();
  private readonly ahead: SendAhead;
  /** The next datagram asks for an acknowledgement, whatever it holds. */
  private pinging = false;
  /** In datagrams that are acknowledged, since the connection began. */
  private dataBytes = 0;
  /** `sendable` was 0 since its user was last told that there is room. */
  private wasBelow = true;
  /** The path limits the sender, not the application; and whether it did since somebody asked. */
  private pathLimits = false;
  private pathLimited = false;

  constructor(
    private readonly backend: BackendConnection,
    private readonly pacer: Pacer,
    private readonly sampler: PathSampler,
    private readonly output: DatagramOutput,
    streams: ReadonlyMap<number, QuicStream>,
    options: SenderOptions,
  ) {
    this.sizes = new DatagramSize(options.datagramBytes, options);
    this.window = new SendWindow(backend, sampler, streams, this.sizes);
    this.ahead = new SendAhead(pacer, sampler, this.activity, this.sizes, options.sendAheadMs);
  }

  get unsentBytes(): number {
    return this.scheduler.queuedBytes + this.scheduler.heldBytes + this.window.heldBytes;
  }

  /** The backend has bytes that it has not sent, by estimate. */
  get holdsBytes(): boolean {
    return this.window.heldBytes > 0;
  }

  /** Nothing is left to be sent, FINs included. */
  get drained(): boolean {
    return this.scheduler.empty && this.window.drained;
  }

  get inFlightBytes(): number {
    return this.window.inFlightBytes;
  }

  /** Of the datagrams with stream data, what is not in flight any more; 0 when it cannot be told. */
  get settledBytes(): number {
    const inFlight = this.window.exactInFlightBytes;
    return inFlight === undefined ? 0 : this.dataBytes - inFlight;
  }

  /** Whether the path, not the application, has limited the sender since this was last asked. */
  takePathLimited(): boolean {
    const limited = this.pathLimited;
    // Until something is sent again, what held last holds on: samples are taken more often than that.
    this.pathLimited = this.pathLimits;
    return limited;
  }

  /** Milliseconds since stream data in bulk was last handed to the backend. */
  quietFor(now: number): number {
    return this.activity.quietFor(now);
  }

  /** Has the peer acknowledge the next datagram, though there be nothing to send. */
  ping(): void {
    this.backend.elicitAcknowledgement();
    this.pinging = true;
  }

  /** A packet came. */
  onReceived(now: number): void {
    this.activity.received(now);
    this.sizes.received(now);
    this.window.received();
    this.scheduler.onGrants();
  }

  /** The backend's timer fired. */
  onTimeout(now: number): void {
    this.sizes.timedOut(now);
    this.onWindowChange();
  }

  /** Packets may have been acknowledged or declared lost: what is known of the window is old. */
  onWindowChange(): void {
    this.window.changed();
    this.scheduler.onGrants();
  }

  /** A sample was taken; since the last one the backend has taken `bytes` back into its buffer, to send them once more. */
  onSample(bytes: number, now: number): void {
    this.window.retransmits(bytes);
    this.sizes.sampled(this.sampler.latest, this.sampler.rttMs, this.settledBytes, now);
  }

  /** A new stream can tell the room of the connection. */
  onStreamOpened(): void {
    this.window.streamOpened();
  }

  /** Takes what fits of `data`; the rest is the caller's until `onWritable`. */
  accept(stream: QuicStream, data: Uint8Array, now: number): number {
    const own = MIN_STREAM_DATAGRAMS * this.sizes.datagramBytes - stream.queue.length;
    const isHeld = stream.blocked && stream.queue.length >= this.ahead.limitBytes;
    const count = isHeld ? 0 : Math.min(data.length, Math.max(this.queueRoom(), own, 0));
    let done = 0;
    if (count > 0 && this.scheduler.next === undefined && !stream.blocked) {
      done = this.feedDirectly(stream, data, count, now);
    }
    if (done < count && stream.sendSide === 'open') this.scheduler.enqueue(stream, data.subarray(done, count));
    if (count < data.length) stream.wantsWritable = true;
    return count;
  }

  /** The stream's FIN is to be sent after its queue. */
  finish(stream: QuicStream): void {
    this.scheduler.finish(stream);
  }

  /** Forgets what the stream still had to send. */
  discard(stream: QuicStream): void {
    this.scheduler.discard(stream);
  }

  /** The peer told the stream to stop, with `code`. */
  stop(stream: QuicStream, code: number): void {
    this.scheduler.stop(stream, code);
  }

  /** Room in window and pacing, less what is unsent; 0 when it is too little to be worth a write. */
  sendable(now: number): number {
    const paced = this.pacer.unlimited ? this.ahead.limitBytes : this.pacer.budget(now) + this.ahead.aheadBytes;
    const free = Math.min(this.window.roomBytes(), paced - this.window.heldBytes) - this.scheduler.queuedBytes;
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
    return !stream.blocked && this.queueRoom() >= this.sizes.datagramBytes;
  }

  /** Sends what window, pacing and this turn's share allow. */
  transmit(now: number): void {
    if (now > this.wakeAtMs) this.pacer.forgive(this.wakeAtMs, now);
    this.hasMore = false;
    this.wakeAtMs = Infinity;
    this.scheduler.retryBlocked((stream) => this.backend.streamCapacity(stream.id) !== 0);
    let sentBytes = 0;
    for (let sent = 0; ; ) {
      if (this.output.congested()) {
        this.wakeAtMs = now + CONGESTED_RETRY_MS;
        return;
      }
      if (sent >= MAX_DATAGRAMS_PER_TURN || sentBytes >= MAX_BYTES_PER_TURN) {
        this.hasMore = true;
        return;
      }
      if (sent >= UNPACED_DATAGRAMS && this.pacer.budget(now) <= 0) break;
      // First of all, so that acknowledgements go along with data.
      if (sent === 0) this.feed(now);
      const bytes = this.sendOne(now);
      if (bytes > 0) {
        sent += 1;
        sentBytes += bytes;
      } else if (!this.feed(now)) break;
    }
    this.planWake(now);
    // Something waits, all room is used, or the user has taken all that it was offered: the path sets the pace.
    const waits = this.scheduler.queuedBytes > 0 || !this.window.idle || this.wasBelow;
    this.pathLimits = waits || this.window.isFull;
    if (this.pathLimits) this.pathLimited = true;
  }

  /** Its length; 0 when there is nothing to be sent. */
  private sendOne(now: number): number {
    const bytes = this.backend.send(this.output.slot());
    if (bytes === 0) {
      this.window.ranDry();
      return 0;
    }
    this.output.submit(bytes);
    this.pacer.consume(bytes, now);
    this.count(bytes, now);
    this.window.sent(bytes);
    return bytes;
  }

  /** A datagram that will be acknowledged tells of the round trip. */
  private count(bytes: number, now: number): void {
    const isData = bytes > MIN_DATA_PACKET_BYTES;
    if (this.pinging || (isData && this.holdsBytes)) {
      this.pinging = false;
      this.dataBytes += bytes;
      this.sampler.probe.sent(this.dataBytes, now);
    }
    if (isData) this.sizes.sent(bytes, this.dataBytes, now);
  }

  /** Hands the backend the next bytes, of several pieces where one would not fill a datagram; false: none may or need go. */
  private feed(now: number): boolean {
    const { scheduler, window } = this;
    let fed = false;
    for (let stream = scheduler.next; stream && window.heldBytes < FEED_BYTES; stream = scheduler.next) {
      const allowed = this.allowance(Math.min(scheduler.queuedBytes, FEED_BYTES), now);
      if (stream.queue.length > 0 && allowed <= 0) break;
      if (this.feedStream(stream, allowed, now)) fed = true;
    }
    return fed;
  }

  /** One piece of a stream's queue; the stream then goes behind the others. */
  private feedStream(stream: QuicStream, allowed: number, now: number): boolean {
    const piece = stream.queue.length === 0 ? EMPTY : stream.queue.peek(allowed);
    const isLast = stream.sendSide === 'ending' && piece.length === stream.queue.length;
    this.scheduler.take(stream);
    const taken = this.offer(stream, piece, isLast, now);
    if (taken < 0) return false;
    const isWhole = taken === piece.length;
    this.scheduler.sent(stream, taken, isLast && isWhole);
    if (!isWhole && this.window.hasRoom) this.scheduler.block(stream);
    return taken > 0 || (isLast && isWhole);
  }

  private feedDirectly(stream: QuicStream, data: Uint8Array, count: number, now: number): number {
    const allowed = this.allowance(count, now);
    if (allowed <= 0) return 0;
    const taken = this.offer(stream, data.subarray(0, allowed), false, now);
    if (taken >= 0 && taken < allowed && this.window.hasRoom) this.scheduler.block(stream);
    return Math.max(0, taken);
  }

  /** Bytes the backend took; -1 when the stream takes none ever again. Afterwards `window.hasRoom` tells who was short. */
  private offer(stream: QuicStream, piece: Uint8Array, fin: boolean, now: number): number {
    const roomBefore = this.window.roomBytes();
    const taken = this.backend.streamSend(stream.id, piece, fin);
    if (typeof taken !== 'number') {
      if (taken.kind === 'stopped') this.scheduler.stop(stream, taken.code);
      else this.scheduler.discard(stream);
      return -1;
    }
    this.window.taken(taken, roomBefore);
    this.activity.sent(taken, now);
    return taken;
  }

  /** How many of `wanted` bytes may go to the backend now: all, or as many as fill whole datagrams. */
  private allowance(wanted: number, now: number): number {
    // All of the window, though headers will need some of it: a backend that is given less than it could send takes
    // its user for idle, and does not let the window grow.
    const room = this.window.roomBytes();
    const budget = this.pacer.budget(now);
    const paced = budget - this.window.heldBytes;
    if (Math.min(room, paced) >= wanted) return wanted;
    if (room <= paced) return room;
    const payload = this.sizes.datagramBytes - MAX_OVERHEAD_BYTES;
    return Math.floor(budget / payload) * payload - this.window.heldBytes;
  }

  /** What streams may queue, of what is taken ahead of the wire. */
  private queueRoom(): number {
    return this.ahead.limitBytes - this.scheduler.queuedBytes - this.window.heldBytes;
  }

  /** If only time holds the sender or its user back, says until when. */
  private planWake(now: number): void {
    if (this.pacer.unlimited) return;
    const waiting = !this.window.idle || (this.scheduler.queuedBytes > 0 && !this.window.isFull);
    if (!waiting && !this.wasBelow) return;
    const waitMs = this.pacer.waitMs(this.sizes.datagramBytes, now);
    if (waitMs > 0) this.wakeAtMs = now + waitMs;
    else if (this.wasBelow && now < this.ahead.littleFromMs) this.wakeAtMs = this.ahead.littleFromMs;
  }
}
