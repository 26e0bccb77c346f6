import type { RandomSource } from '../random/seeded-random.js';
import { queueLimitBytes, serializationMs, type DirectionSettings } from './direction-settings.js';
import { Fifo } from '../queues/fifo.js';
import { LinkCounters, type DropReason, type LinkDirectionStats } from './link-counters.js';
import { FateSource, type PacketFate } from './packet-fate.js';
import { TimeHeap } from '../queues/time-heap.js';

interface Packet<T> {
  readonly item: T;
  readonly bytes: number;
  readonly fate: PacketFate;
}

/** Memory of one direction's packets, whatever queue and delay are asked for. */
const MAX_BYTES_INSIDE = 64 * 1024 * 1024;
const MAX_PACKETS_INSIDE = 262_144;

/**
 * One direction of a link, without sockets, clock or timers. A packet waits in a drop-tail queue, is sent bit by bit at
 * the rate, may be lost, and arrives after the delay:
 *
 *     enqueue ─ queue ─ rate ─ loss ─ delay, jitter, reordering, duplication ─ dequeue
 *
 * Times are computed on the link's own schedule: how late `dequeue` is called delays that packet only. `now` is in
 * milliseconds and must not fall. Call `dequeue` until it gives undefined, then again at `nextEventMs()`.
 */
export class LinkModel<T> {
  #settings: DirectionSettings;
  readonly #fates: FateSource;
  readonly #counters: LinkCounters;
  /** The first one is being sent; it no longer counts as queued. */
  readonly #queue = new Fifo<Packet<T>>();
  #queuedBytes = 0;
  #headSentMs = 0;
  readonly #underWay = new TimeHeap<Packet<T>>();
  /** What was not held back arrives in order, whatever jitter and changes of the delay say. */
  #lastArrivalMs = 0;
  #bytesInside = 0;
  #cut = false;

  constructor(settings: DirectionSettings, random: RandomSource, counters: LinkCounters = new LinkCounters()) {
    this.#settings = settings;
    this.#fates = new FateSource(random);
    this.#counters = counters;
  }

  get settings(): DirectionSettings {
    return this.#settings;
  }

  get isCut(): boolean {
    return this.#cut;
  }

  /** Takes a packet of `bytes` (UDP payload), or says why it was dropped at once. Loss on the way shows later. */
  enqueue(item: T, bytes: number, now: number): DropReason | undefined {
    this.#advance(now);
    this.#counters.add('packetsIn');
    this.#counters.add('bytesIn', bytes);
    const fate = this.#fates.next(this.#settings);
    const refusal = this.#refusal(bytes);
    if (refusal !== undefined) {
      this.#counters.add(`dropped.${refusal}`);
      return refusal;
    }
    this.#inside(1, bytes);
    if (this.#queue.length === 0) this.#headSentMs = now + serializationMs(this.#settings, bytes);
    else this.#queued(bytes + this.#settings.overheadBytes);
    this.#queue.push({ item, bytes, fate });
    this.#advance(now);
    return undefined;
  }

  /** The next packet whose time has come, or undefined. A duplicate gives the same item twice. */
  dequeue(now: number): T | undefined {
    this.#advance(now);
    if (this.#underWay.firstMs > now) return undefined;
    const packet = this.#underWay.pop();
    if (packet === undefined) return undefined;
    this.#inside(-1, -packet.bytes);
    this.#counters.add('packetsOut');
    this.#counters.add('bytesOut', packet.bytes);
    return packet.item;
  }

  /** When `dequeue` should be called next, though it may then have nothing; Infinity while the direction is empty. */
  nextEventMs(): number {
    return Math.min(this.#underWay.firstMs, this.#headEventMs());
  }

  /** New settings from `now` on: what was sent stays sent, what is queued goes at the new rate. */
  configure(settings: DirectionSettings, now: number): void {
    this.#advance(now);
    if (this.#queue.length > 0) {
      const remainingMs = this.#headSentMs - now;
      const speedUp = this.#settings.rateBitsPerSecond / settings.rateBitsPerSecond;
      this.#headSentMs = now + remainingMs * speedUp;
    }
    this.#settings = settings;
    this.#advance(now);
  }

  /** Nothing goes in or out until `heal`; what is inside is lost. */
  cut(now: number): void {
    this.#advance(now);
    this.#cut = true;
    for (let packet = this.#queue.shift(); packet !== undefined; packet = this.#queue.shift())
      this.#drop(packet, 'cut');
    this.#underWay.clear((packet) => this.#drop(packet, 'cut'));
    this.#queued(-this.#queuedBytes);
    this.#lastArrivalMs = now;
  }

  heal(): void {
    this.#cut = false;
  }

  stats(): LinkDirectionStats {
    return this.#counters.snapshot();
  }

  #refusal(bytes: number): DropReason | undefined {
    if (this.#cut) return 'cut';
    if (bytes + this.#settings.overheadBytes > this.#settings.mtuBytes) return 'mtu';
    if (this.#counters.get('packetsInside') >= MAX_PACKETS_INSIDE || this.#bytesInside + bytes > MAX_BYTES_INSIDE) {
      return 'overflow';
    }
    const wireBytes = bytes + this.#settings.overheadBytes;
    if (this.#queue.length > 0 && this.#queuedBytes + wireBytes > queueLimitBytes(this.#settings)) return 'queue';
    return undefined;
  }

  /** Moves what has been sent by `now` from the queue onto its way. */
  #advance(now: number): void {
    while (this.#headSentMs <= now) {
      const packet = this.#queue.shift();
      if (packet === undefined) return;
      this.#depart(packet, this.#headSentMs);
      const next = this.#queue.peek();
      if (next === undefined) return;
      this.#queued(-(next.bytes + this.#settings.overheadBytes));
      this.#headSentMs += serializationMs(this.#settings, next.bytes);
    }
  }

  #depart(packet: Packet<T>, sentMs: number): void {
    const { fate } = packet;
    if (fate.lostTo !== undefined) return this.#drop(packet, fate.lostTo);
    const arrivalMs = this.#arrivalMs(packet, sentMs);
    if (fate.heldBackMs > 0) this.#counters.add('reordered');
    else this.#lastArrivalMs = arrivalMs;
    this.#underWay.push(arrivalMs, packet);
    if (!fate.duplicated) return;
    this.#counters.add('duplicated');
    this.#inside(1, packet.bytes);
    this.#underWay.push(arrivalMs, packet);
  }

  /** What follows a packet that is lost or held back may arrive before it would have. */
  #headEventMs(): number {
    const head = this.#queue.peek();
    if (head === undefined) return Infinity;
    const ordinary = head.fate.lostTo === undefined && head.fate.heldBackMs === 0;
    return ordinary ? this.#arrivalMs(head, this.#headSentMs) : this.#headSentMs;
  }

  #arrivalMs({ fate }: Packet<T>, sentMs: number): number {
    const delayMs = Math.max(0, this.#settings.delayMs + fate.jitterMs);
    return Math.max(this.#lastArrivalMs, sentMs + delayMs) + fate.heldBackMs;
  }

  #drop(packet: Packet<T>, reason: DropReason): void {
    this.#inside(-1, -packet.bytes);
    this.#counters.add(`dropped.${reason}`);
  }

  #inside(packets: number, bytes: number): void {
    this.#bytesInside += bytes;
    this.#counters.add('packetsInside', packets);
  }

  #queued(bytes: number): void {
    this.#queuedBytes += bytes;
    this.#counters.set('queueBytes', this.#queuedBytes);
    if (this.#queuedBytes > this.#counters.get('peakQueueBytes')) {
      this.#counters.set('peakQueueBytes', this.#queuedBytes);
    }
  }
}
