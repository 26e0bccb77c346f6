import type { PathId, PathSnapshot, Scheduler } from '@kwik/wire';
import { request, snapshot } from './snapshots.js';

/** One path. */
export interface Link {
  readonly mbits: number;
  /** Round trip without queue. */
  readonly rttMs: number;
  /** What the path's rate is said to be, as a share of what it is; 1 unless given. */
  readonly rateError?: number;
  /** Share of datagrams that are lost, each time they are sent; QUIC repairs that a round trip later. */
  readonly lossRate?: number;
  /** Nothing that sets out from then on arrives. */
  readonly cutAtMs?: number;
}

export interface TransferOptions {
  readonly bytes: number;
  /** Bytes that the receiver holds out of order; unlimited unless given. */
  readonly receiverBytes?: number;
  readonly maxMs?: number;
  /** Windows start with ten datagrams and grow by what is acknowledged (RFC 9002, section 7.3.1); rates are found out. */
  readonly coldStart?: boolean;
  /** For what is lost; 1 unless given. */
  readonly seed?: number;
}

export interface Transfer {
  /** When the last byte could be read in order; `Infinity` if it never could. */
  readonly doneMs: number;
  readonly bytesByPath: ReadonlyMap<PathId, number>;
  readonly decisions: number;
}

interface Piece {
  readonly bytes: number;
  arrived: boolean;
}

interface Event {
  readonly atMs: number;
  readonly kind: 'arrival' | 'ack';
  readonly piece: Piece;
  readonly path: SimulatedPath;
}

const DATAGRAM_BYTES = 1200;
/** A loss is noticed so many round trips after the datagram set out (RFC 9002, section 6.1.2). */
const REPAIR_RTTS = 1.125;
const INITIAL_DATAGRAMS = 10;
/** Like a congestion control that keeps the link busy and a quarter of a round trip queued. */
const WINDOW_SHARE = 1.25;
const MIN_WINDOW_BYTES = 10 * DATAGRAM_BYTES;

/** A path with a window and a link that sends first come, first served. */
class SimulatedPath {
  readonly index: number;
  readonly link: Link;
  readonly #ratePerMs: number;
  readonly #fullWindowBytes: number;
  readonly #random: () => number;
  #windowBytes: number;
  #inFlightBytes = 0;
  #linkFreeMs = 0;
  #acknowledgedBytes = 0;
  sentBytes = 0;

  constructor(index: number, link: Link, options: TransferOptions) {
    this.index = index;
    this.link = link;
    this.#ratePerMs = link.mbits * 125;
    const fullBytes = WINDOW_SHARE * this.#ratePerMs * link.rttMs + 2 * DATAGRAM_BYTES;
    this.#fullWindowBytes = Math.max(MIN_WINDOW_BYTES, fullBytes);
    this.#windowBytes = options.coldStart === true ? INITIAL_DATAGRAMS * DATAGRAM_BYTES : this.#fullWindowBytes;
    this.#random = mulberry32((options.seed ?? 1) * 1000 + index);
  }

  snapshot(now: number): PathSnapshot {
    const queueMs = Math.max(0, this.#linkFreeMs - now);
    return snapshot(this.index, {
      rttMs: this.link.rttMs + queueMs,
      minRttMs: this.link.rttMs,
      windowBytes: this.#windowBytes,
      inFlightBytes: this.#inFlightBytes,
      sendableBytes: Math.max(0, Math.floor(this.#windowBytes - this.#inFlightBytes)),
      deliveryRateBytesPerSecond: this.#knownRatePerMs() * 1000 * (this.link.rateError ?? 1),
      lossRate: this.link.lossRate ?? 0,
      datagramBytes: DATAGRAM_BYTES,
    });
  }

  /** When `bytes` that are sent now arrive. */
  send(bytes: number, now: number): number {
    this.#inFlightBytes += bytes;
    this.sentBytes += bytes;
    this.#linkFreeMs = Math.max(now, this.#linkFreeMs) + bytes / this.#ratePerMs;
    if (now >= (this.link.cutAtMs ?? Number.POSITIVE_INFINITY)) return Number.POSITIVE_INFINITY;
    const arrivalMs = this.#linkFreeMs + this.link.rttMs / 2;
    let rounds = 0;
    for (let missing = this.#lost(Math.ceil(bytes / DATAGRAM_BYTES)); missing > 0; missing = this.#lost(missing)) {
      rounds += 1;
      this.#linkFreeMs += (missing * DATAGRAM_BYTES) / this.#ratePerMs;
    }
    return arrivalMs + rounds * REPAIR_RTTS * this.link.rttMs;
  }

  acked(bytes: number): void {
    this.#inFlightBytes -= bytes;
    this.#acknowledgedBytes += bytes;
    this.#windowBytes = Math.min(this.#fullWindowBytes, this.#windowBytes + bytes);
  }

  /** Before the window is full, a window per round trip is what a path is seen to deliver; before any, nothing. */
  #knownRatePerMs(): number {
    if (this.#windowBytes === this.#fullWindowBytes) return this.#ratePerMs;
    return this.#acknowledgedBytes === 0 ? 0 : Math.min(this.#ratePerMs, this.#windowBytes / 2 / this.link.rttMs);
  }

  #lost(datagrams: number): number {
    const { lossRate = 0 } = this.link;
    let lost = 0;
    if (lossRate > 0) for (let i = 0; i < datagrams; i++) lost += this.#random() < lossRate ? 1 : 0;
    return lost;
  }
}

/** Sends `bytes` over `links` as `scheduler` says, on virtual time. */
export function transfer(scheduler: Scheduler, links: readonly Link[], options: TransferOptions): Transfer {
  const paths = links.map((link, index) => new SimulatedPath(index, link, options));
  const pieces: Piece[] = [];
  const events: Event[] = [];
  const maxMs = options.maxMs ?? 600_000;
  let [now, offset, readable, acknowledged, decisions, doneMs] = [0, 0, 0, 0, 0, Number.POSITIVE_INFINITY];
  const step = (untilMs: number): void => {
    const event = events[0];
    now = event === undefined ? untilMs : Math.min(untilMs, event.atMs);
    if (event === undefined || event.atMs > untilMs) return;
    events.shift();
    if (event.kind === 'ack') {
      event.path.acked(event.piece.bytes);
      acknowledged = readable;
      return;
    }
    insert(events, { ...event, atMs: now + event.path.link.rttMs / 2, kind: 'ack' });
    event.piece.arrived = true;
    for (let first = pieces[0]; first?.arrived === true; first = pieces[0]) {
      pieces.shift();
      readable += first.bytes;
    }
    if (readable === options.bytes) doneMs = now;
  };
  while (doneMs === Number.POSITIVE_INFINITY && now < maxMs) {
    const room = Math.min(
      options.bytes - offset,
      acknowledged + (options.receiverBytes ?? Number.POSITIVE_INFINITY) - offset,
    );
    if (room <= 0) {
      step(maxMs);
      continue;
    }
    decisions += 1;
    const asked = request({ pendingBytes: options.bytes - offset, windowBytes: room });
    const snapshots = paths.map((path) => path.snapshot(now));
    const decision = scheduler.select(asked, snapshots, now);
    if (decision.kind === 'wait') {
      step(decision.untilMs);
      continue;
    }
    const piece = { bytes: Math.min(decision.maxBytes, room), arrived: false };
    offset += piece.bytes;
    pieces.push(piece);
    for (const id of [decision.pathId, ...decision.duplicates]) {
      const path = paths[id] as SimulatedPath;
      const atMs = path.send(piece.bytes, now);
      if (atMs !== Number.POSITIVE_INFINITY) insert(events, { atMs, kind: 'arrival', piece, path });
    }
  }
  return { doneMs, decisions, bytesByPath: new Map(paths.map((path) => [path.snapshot(now).id, path.sentBytes])) };
}

function insert(events: Event[], event: Event): void {
  let index = events.length;
  while (index > 0 && (events[index - 1] as Event).atMs > event.atMs) index -= 1;
  events.splice(index, 0, event);
}

/** A small generator of numbers from 0 to 1 that gives the same ones on every run. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
