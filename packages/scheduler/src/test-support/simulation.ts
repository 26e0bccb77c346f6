import type { PathId, PathSnapshot, Scheduler } from '@kwik/wire';
import { request, snapshot } from './snapshots.js';

/** One way of a path. Loss is what QUIC has repaired already, so there is none. */
export interface Link {
  readonly mbits: number;
  /** Round trip without queue. */
  readonly rttMs: number;
  /** What the path's rate is said to be, as a share of what it is; 1 unless given. */
  readonly rateError?: number;
  /** Nothing that sets out from then on arrives. */
  readonly cutAtMs?: number;
}

export interface TransferOptions {
  readonly bytes: number;
  /** Bytes that the receiver holds out of order; unlimited unless given. */
  readonly receiverBytes?: number;
  readonly maxMs?: number;
}

export interface Transfer {
  /** When the last byte could be read in order; `Infinity` if it never could. */
  readonly doneMs: number;
  readonly bytesByPath: ReadonlyMap<PathId, number>;
  readonly decisions: number;
}

interface Piece {
  readonly offset: number;
  readonly bytes: number;
  readonly path: SimulatedPath;
  arrived: boolean;
}

interface Event {
  readonly atMs: number;
  readonly kind: 'arrival' | 'ack';
  readonly piece: Piece;
}

const DATAGRAM_BYTES = 1200;
/** Like a congestion control that keeps the link busy and a quarter of a round trip queued. */
const WINDOW_SHARE = 1.25;
const MIN_WINDOW_BYTES = 10 * DATAGRAM_BYTES;

/** A path with a window and a link that sends first come, first served. */
class SimulatedPath {
  readonly index: number;
  readonly link: Link;
  readonly #ratePerMs: number;
  readonly #windowBytes: number;
  #inFlightBytes = 0;
  #linkFreeMs = 0;
  sentBytes = 0;

  constructor(index: number, link: Link) {
    this.index = index;
    this.link = link;
    this.#ratePerMs = link.mbits * 125;
    this.#windowBytes = Math.max(MIN_WINDOW_BYTES, WINDOW_SHARE * this.#ratePerMs * link.rttMs + 2 * DATAGRAM_BYTES);
  }

  snapshot(now: number): PathSnapshot {
    const queueMs = Math.max(0, this.#linkFreeMs - now);
    return snapshot(this.index, {
      rttMs: this.link.rttMs + queueMs,
      minRttMs: this.link.rttMs,
      windowBytes: this.#windowBytes,
      inFlightBytes: this.#inFlightBytes,
      sendableBytes: Math.max(0, Math.floor(this.#windowBytes - this.#inFlightBytes)),
      deliveryRateBps: this.#ratePerMs * 1000 * (this.link.rateError ?? 1),
      datagramBytes: DATAGRAM_BYTES,
    });
  }

  /** When `bytes` that are sent now arrive. */
  send(bytes: number, now: number): number {
    this.#inFlightBytes += bytes;
    this.sentBytes += bytes;
    this.#linkFreeMs = Math.max(now, this.#linkFreeMs) + bytes / this.#ratePerMs;
    const isCut = now >= (this.link.cutAtMs ?? Number.POSITIVE_INFINITY);
    return isCut ? Number.POSITIVE_INFINITY : this.#linkFreeMs + this.link.rttMs / 2;
  }

  acked(bytes: number): void {
    this.#inFlightBytes -= bytes;
  }
}

/** Sends `bytes` over `links` as `scheduler` says, on virtual time. */
export function transfer(scheduler: Scheduler, links: readonly Link[], options: TransferOptions): Transfer {
  const paths = links.map((link, index) => new SimulatedPath(index, link));
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
      event.piece.path.acked(event.piece.bytes);
      acknowledged = readable;
      return;
    }
    event.piece.arrived = true;
    for (let first = pieces[0]; first?.arrived === true; first = pieces[0]) {
      pieces.shift();
      readable += first.bytes;
    }
    if (readable === options.bytes) doneMs = now;
    insert(events, { atMs: now + event.piece.path.link.rttMs / 2, kind: 'ack', piece: event.piece });
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
    const path = paths[decision.pathId] as SimulatedPath;
    const piece = { offset, bytes: Math.min(decision.maxBytes, room), path, arrived: false };
    offset += piece.bytes;
    pieces.push(piece);
    const atMs = path.send(piece.bytes, now);
    if (atMs !== Number.POSITIVE_INFINITY) insert(events, { atMs, kind: 'arrival', piece });
  }
  return { doneMs, decisions, bytesByPath: new Map(paths.map((path) => [path.snapshot(now).id, path.sentBytes])) };
}

function insert(events: Event[], event: Event): void {
  let index = events.length;
  while (index > 0 && (events[index - 1] as Event).atMs > event.atMs) index -= 1;
  events.splice(index, 0, event);
}
