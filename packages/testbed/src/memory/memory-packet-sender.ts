import { MemoryPacer } from './memory-pacer.js';
import type { PathCapacity } from './path-capacity.js';
import { ackRanges, packetBytes, type ControlFrame, type Frame, type MemoryPacket } from './packet.js';
import { MemoryRangeSet } from './memory-range-set.js';
import { Recovery } from './recovery.js';
import { MemorySendQueue } from './memory-send-queue.js';
import type { MemoryStream } from './stream.js';

/** What a sender needs of its connection. */
export interface SenderOwner {
  readonly datagramBytes: number;
  capacity(): PathCapacity;
  /** Whether a frame that was sent before must be sent again. */
  wanted(frame: Frame): boolean;
  acknowledged(frame: Frame): void;
  transmit(packet: MemoryPacket, bytes: number): void;
}

/** Ranges of received packets that are remembered; what is older is long settled. */
const MAX_RECEIVED_RANGES = 256;
/** Packets that one call sends at most. A window has fewer; this only bounds the loop. */
const MAX_PACKETS_PER_CALL = 65_536;
/** How far ahead of the wire bytes are taken: the defaults of @kwik/quic, so that both bind alike. */
const SEND_AHEAD_MS = 4;
const MIN_UNSENT_DATAGRAMS = 16;
const MAX_UNSENT_BYTES = 1024 * 1024;

/** Packets of one side: what goes into them, when they may go, what became of them. */
export class MemoryPacketSender {
  readonly recovery: Recovery;
  readonly #owner: SenderOwner;
  readonly #queue = new MemorySendQueue();
  readonly #received = new MemoryRangeSet();
  readonly #pacer: MemoryPacer;
  #nextNumber = 0;
  #ackOwed = false;
  #probeOwed = false;
  #pacedUntilMs = Infinity;
  sentPackets = 0;
  sentBytes = 0;

  constructor(owner: SenderOwner, now: number) {
    this.#owner = owner;
    this.#pacer = new MemoryPacer(now);
    this.recovery = new Recovery({
      acknowledged: (frame) => owner.acknowledged(frame),
      lost: (frame) => owner.wanted(frame) && this.#queue.pushLost(frame),
    });
  }

  /** Nothing waits to be sent. */
  get isDrained(): boolean {
    return this.#queue.isEmpty;
  }

  /** What window and pacing leave at `now` beside `unsentBytes` that wait already; never below 0. */
  sendable(unsentBytes: number, now: number): number {
    const capacity = this.#owner.capacity();
    const windowRoom = capacity.windowBytes - this.recovery.bytesInFlight;
    const ahead = Math.max(this.#owner.datagramBytes, SEND_AHEAD_MS * capacity.bytesPerMs);
    const isPaced = capacity.bytesPerMs < Infinity;
    const paced = isPaced ? this.#pacer.budget(capacity, now) + ahead : this.unsentLimit;
    return Math.max(0, Math.floor(Math.min(windowRoom, paced) - unsentBytes - this.#queue.lostBytes));
  }

  /** Bytes that may wait unsent. */
  get unsentLimit(): number {
    const ahead = 2 * SEND_AHEAD_MS * this.#owner.capacity().bytesPerMs;
    return Math.min(MAX_UNSENT_BYTES, Math.max(MIN_UNSENT_DATAGRAMS * this.#owner.datagramBytes, Math.floor(ahead)));
  }

  /** When `onTimer` should be called; Infinity for never. */
  get nextTimerMs(): number {
    return Math.min(this.recovery.nextTimerMs(), this.#pacedUntilMs);
  }

  control(frame: ControlFrame): void {
    this.#queue.pushControl(frame);
  }

  /** The stream has something new to send, or nothing more. */
  ready(stream: MemoryStream): void {
    this.#queue.ready(stream);
  }

  /** Takes note of a packet of the peer; true when its frames are new. */
  onPacket(packet: MemoryPacket, now: number): boolean {
    this.recovery.onAcknowledged(packet.acknowledged, now);
    if (packet.frames.length === 0) return false;
    this.#ackOwed = true;
    const isNew = this.#received.add(packet.number);
    this.#received.keepNewest(MAX_RECEIVED_RANGES);
    return isNew;
  }

  onTimer(now: number): void {
    if (this.recovery.onTimer(now)) this.#probeOwed = true;
  }

  /** Sends what the window allows; true when a packet went out that will be acknowledged. */
  sendAll(now: number): boolean {
    this.#pacedUntilMs = Infinity;
    let count = 0;
    for (; count < MAX_PACKETS_PER_CALL; count++) {
      const frames = this.#nextFrames(now);
      if (frames.length === 0) break;
      const packet = this.#packet(frames);
      const bytes = this.#send(packet);
      this.#pacer.spend(bytes);
      this.recovery.onSent(packet.number, bytes, frames, now);
    }
    if (this.#ackOwed) this.#send(this.#packet([]));
    return count > 0;
  }

  sendClose(code: number, reason: string): void {
    this.#send({ ...this.#packet([]), close: { code, reason } });
  }

  #nextFrames(now: number): readonly Frame[] {
    const { datagramBytes } = this.#owner;
    if (!this.#probeOwed && !this.#maySend(now)) return [];
    const frames = this.#queue.next(datagramBytes, (frame) => this.#owner.wanted(frame));
    if (frames.length > 0 || !this.#probeOwed) {
      this.#probeOwed = false;
      return frames;
    }
    this.#probeOwed = false;
    const oldest = this.recovery.oldestFrames().filter((frame) => this.#owner.wanted(frame));
    return oldest.length > 0 ? oldest : [{ kind: 'ping' }];
  }

  /** Whether window and pacing let a packet go; notes when to look again if it is a matter of time. */
  #maySend(now: number): boolean {
    const { datagramBytes } = this.#owner;
    const capacity = this.#owner.capacity();
    if (this.#queue.isEmpty || capacity.windowBytes - this.recovery.bytesInFlight < datagramBytes) return false;
    if (this.#pacer.budget(capacity, now) >= datagramBytes) return true;
    this.#pacedUntilMs = this.#pacer.readyMs(datagramBytes, capacity, now);
    return false;
  }

  #packet(frames: readonly Frame[]): MemoryPacket {
    return { number: this.#nextNumber++, acknowledged: ackRanges(this.#received), frames };
  }

  #send(packet: MemoryPacket): number {
    const bytes = packetBytes(packet);
    this.#ackOwed = false;
    this.sentPackets++;
    this.sentBytes += bytes;
    this.#owner.transmit(packet, bytes);
    return bytes;
  }
}
