import { waterLevel, type Claim } from './fair-shares.js';

/** A session that has content read ahead. */
export interface Reader {
  /** Whose session it is: sessions of one peer share what one peer gets. */
  readonly peer: object;
  readonly weight: number;
  readonly readAheadBytes: number;
  /** It asked for more than it got. */
  readonly heldBack: boolean;
}

export interface ReadAheadBounds {
  readonly allBytes: number;
  readonly sessionBytes: number;
}

/** Shares are worked out anew when so much of everything was read since, or the number of those who share changed by so much. */
const CHANGE = 1 / 8;
/** And for new peers only after so many reads for each of all readers: peers that come and go must not make work of all the others. */
const READS_EACH = 1 / 32;

/** The readers of one peer: as one of many it wants what its sessions want, and counts as its weightiest one does. */
class PeerReaders implements Claim {
  readonly readers = new Set<Reader>();
  want = 0;
  weight = 1;
  /** Among its sessions. */
  level = Number.POSITIVE_INFINITY;
  /** When that was worked out. */
  readersThen = 0;

  /** `mostBytes`: what a session can have. */
  look(mostBytes: number): void {
    this.want = 0;
    this.weight = 1;
    for (const reader of this.readers) {
      this.want += wantOf(reader, mostBytes);
      this.weight = Math.max(this.weight, reader.weight);
    }
  }

  /** `level` among the peers. */
  settle(level: number, mostBytes: number): void {
    this.readersThen = this.readers.size;
    if (this.want <= level * this.weight) this.level = Number.POSITIVE_INFINITY;
    else if (this.readers.size === 1) this.level = level;
    else this.level = waterLevel(level * this.weight, this.#claims(mostBytes));
  }

  #claims(mostBytes: number): Claim[] {
    return Array.from(this.readers, (reader) => ({ weight: reader.weight, want: wantOf(reader, mostBytes) }));
  }
}

function wantOf({ heldBack, readAheadBytes }: Reader, mostBytes: number): number {
  return heldBack ? mostBytes : Math.min(mostBytes, readAheadBytes);
}

/**
 * What each session may have read ahead: first the peers share, and then the sessions of a peer what it got; both by weighted
 * max-min fairness, so that what one does not use is there for the others. A share is looked up at once. All are worked out anew now
 * and then, at a cost of some microseconds for each read, however many sessions there are.
 */
export class ReadAheadShares {
  readonly #bounds: ReadAheadBounds;
  readonly #peers = new Map<object, PeerReaders>();
  #divisor = 1;
  #readers = 0;
  /** Among the peers. */
  #level = Number.POSITIVE_INFINITY;
  #peersThen = 0;
  #readBytes = 0;
  #reads = 0;

  constructor(bounds: ReadAheadBounds) {
    this.#bounds = bounds;
  }

  get divisor(): number {
    return this.#divisor;
  }

  /** So many times less is read ahead, in all and by each. */
  set divisor(divisor: number) {
    if (divisor === this.#divisor) return;
    this.#divisor = divisor;
    this.#settle();
  }

  join(reader: Reader): void {
    const peer = this.#peers.get(reader.peer) ?? new PeerReaders();
    this.#peers.set(reader.peer, peer);
    if (peer.readers.has(reader)) return;
    peer.readers.add(reader);
    this.#readers++;
    this.#changed(peer);
  }

  leave(reader: Reader): void {
    const peer = this.#peers.get(reader.peer);
    if (peer?.readers.delete(reader) !== true) return;
    this.#readers--;
    if (peer.readers.size === 0) this.#peers.delete(reader.peer);
    this.#changed(peer);
  }

  /** So much was read for one of them. */
  onRead(bytes: number): void {
    this.#readBytes += bytes;
    this.#reads++;
    if (this.#readBytes >= CHANGE * this.#allBytes) this.#settle();
  }

  /** What it may have read ahead now, in all. */
  shareOf({ peer, weight }: Pick<Reader, 'peer' | 'weight'>): number {
    const level = this.#peers.get(peer)?.level ?? this.#level;
    return Math.min(this.#sessionBytes, level * weight);
  }

  get #allBytes(): number {
    return this.#bounds.allBytes / this.#divisor;
  }

  get #sessionBytes(): number {
    return Math.min(this.#bounds.sessionBytes, this.#bounds.allBytes) / this.#divisor;
  }

  #changed(peer: PeerReaders): void {
    const due = this.#reads >= Math.floor(READS_EACH * this.#readers);
    if (due && differs(this.#peers.size, this.#peersThen)) this.#settle();
    else if (peer.readers.size > 0 && differs(peer.readers.size, peer.readersThen)) {
      peer.look(this.#sessionBytes);
      peer.settle(this.#level, this.#sessionBytes);
    }
  }

  #settle(): void {
    this.#readBytes = 0;
    this.#reads = 0;
    this.#peersThen = this.#peers.size;
    const peers = [...this.#peers.values()];
    const mostBytes = this.#sessionBytes;
    for (const peer of peers) peer.look(mostBytes);
    this.#level = waterLevel(this.#allBytes, peers);
    for (const peer of peers) peer.settle(this.#level, mostBytes);
  }
}

function differs(now: number, then: number): boolean {
  return Math.abs(now - then) > CHANGE * then;
}
