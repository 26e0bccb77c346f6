import { waterLevel, type Claim } from './fair-shares.js';

/** A session that has something ahead of its paths: content that was read, or bytes that were written. */
export interface AheadUser {
  /** Whose session it is: sessions of one peer share what one peer gets. */
  readonly peer: object;
  readonly weight: number;
  readonly bytes: number;
  /** It asked for more than it got. */
  readonly heldBack: boolean;
}

export interface AheadBounds {
  readonly allBytes: number;
  readonly sessionBytes: number;
}

/** Shares are worked out anew when so much of everything was taken since, or the number of those who share changed by so much. */
const CHANGE = 1 / 8;
/** And for new peers only after so many takes for each of all users: peers that come and go must not make work of all the others. */
const TAKES_EACH = 1 / 32;

/** The users of one peer: as one of many it wants what its sessions want, and counts as its weightiest one does. */
class PeerUsers implements Claim {
  readonly users = new Set<AheadUser>();
  want = 0;
  weight = 1;
  /** Among its sessions. */
  level = Number.POSITIVE_INFINITY;
  /** When that was worked out. */
  usersThen = 0;

  /** `mostBytes`: what a session can have. */
  look(mostBytes: number): void {
    this.want = 0;
    this.weight = 1;
    for (const user of this.users) {
      this.want += wantOf(user, mostBytes);
      this.weight = Math.max(this.weight, user.weight);
    }
  }

  /** `level` among the peers. */
  settle(level: number, mostBytes: number): void {
    this.usersThen = this.users.size;
    if (this.want <= level * this.weight) this.level = Number.POSITIVE_INFINITY;
    else if (this.users.size === 1) this.level = level;
    else this.level = waterLevel(level * this.weight, this.#claims(mostBytes));
  }

  #claims(mostBytes: number): Claim[] {
    return Array.from(this.users, (user) => ({ weight: user.weight, want: wantOf(user, mostBytes) }));
  }
}

function wantOf({ heldBack, bytes }: AheadUser, mostBytes: number): number {
  return heldBack ? mostBytes : Math.min(mostBytes, bytes);
}

/**
 * What each session may have ahead of its paths: first the peers share, and then the sessions of a peer what it got; both by weighted
 * max-min fairness, so that what one does not use is there for the others. A share is looked up at once. All are worked out anew now
 * and then, at a cost of some microseconds for each take, however many sessions there are.
 */
export class AheadShares {
  readonly #bounds: AheadBounds;
  readonly #peers = new Map<object, PeerUsers>();
  #divisor = 1;
  #users = 0;
  /** Among the peers. */
  #level = Number.POSITIVE_INFINITY;
  #peersThen = 0;
  #takenBytes = 0;
  #takes = 0;

  constructor(bounds: AheadBounds) {
    this.#bounds = bounds;
  }

  get divisor(): number {
    return this.#divisor;
  }

  /** So many times less is taken ahead, in all and by each. */
  set divisor(divisor: number) {
    if (divisor === this.#divisor) return;
    this.#divisor = divisor;
    this.#settle();
  }

  join(user: AheadUser): void {
    const peer = this.#peers.get(user.peer) ?? new PeerUsers();
    this.#peers.set(user.peer, peer);
    if (peer.users.has(user)) return;
    peer.users.add(user);
    this.#users++;
    this.#changed(peer);
  }

  leave(user: AheadUser): void {
    const peer = this.#peers.get(user.peer);
    if (peer?.users.delete(user) !== true) return;
    this.#users--;
    if (peer.users.size === 0) this.#peers.delete(user.peer);
    this.#changed(peer);
  }

  /** So much was taken by one of them. */
  onTaken(bytes: number): void {
    this.#takenBytes += bytes;
    this.#takes++;
    if (this.#takenBytes >= CHANGE * this.#allBytes) this.#settle();
  }

  /** What it may have ahead now, in all. */
  shareOf({ peer, weight }: Pick<AheadUser, 'peer' | 'weight'>): number {
    const level = this.#peers.get(peer)?.level ?? this.#level;
    return Math.min(this.#sessionBytes, level * weight);
  }

  get #allBytes(): number {
    return this.#bounds.allBytes / this.#divisor;
  }

  get #sessionBytes(): number {
    return Math.min(this.#bounds.sessionBytes, this.#bounds.allBytes) / this.#divisor;
  }

  #changed(peer: PeerUsers): void {
    const due = this.#takes >= Math.floor(TAKES_EACH * this.#users);
    if (due && differs(this.#peers.size, this.#peersThen)) this.#settle();
    else if (peer.users.size > 0 && differs(peer.users.size, peer.usersThen)) {
      peer.look(this.#sessionBytes);
      peer.settle(this.#level, this.#sessionBytes);
    }
  }

  #settle(): void {
    this.#takenBytes = 0;
    this.#takes = 0;
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
