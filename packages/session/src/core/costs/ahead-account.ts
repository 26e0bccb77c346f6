import type { AheadShares, AheadUser } from './ahead-shares.js';

/** A session always gets so much, or nothing would move when very many share. */
export const LEAST_AHEAD_BYTES = 16 * 1024;

type Shares = Pick<AheadShares, 'join' | 'leave' | 'shareOf'>;

export interface AheadAccountOptions {
  readonly shares: Shares;
  readonly holder: Pick<AheadUser, 'peer' | 'weight'>;
  /** A session that has no more than this shares with nobody: it may, at the cost of nothing. Default: 0. */
  readonly freeBytes?: number;
  /** It has so many bytes more or less. */
  readonly onChange: (bytes: number) => void;
}

/** What one session has ahead of its paths, of one kind: content that was read, or bytes that were written. */
export class AheadAccount implements AheadUser {
  readonly peer: object;
  readonly weight: number;
  readonly #shares: Shares;
  readonly #freeBytes: number;
  readonly #onChange: (bytes: number) => void;
  #bytes = 0;
  #heldBack = false;
  #isSharing = false;
  #closed = false;

  constructor({ shares, holder, freeBytes = 0, onChange }: AheadAccountOptions) {
    this.peer = holder.peer;
    this.weight = holder.weight;
    this.#shares = shares;
    this.#freeBytes = freeBytes;
    this.#onChange = onChange;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get heldBack(): boolean {
    return this.#heldBack;
  }

  /** What it may have ahead now, with what it has. */
  get share(): number {
    return Math.floor(this.#shares.shareOf(this));
  }

  /** How much it may take now; 0 when it has enough, at least a little when it has nothing. */
  get room(): number {
    const room = this.share - this.#bytes;
    return this.#bytes === 0 ? Math.max(room, LEAST_AHEAD_BYTES) : Math.max(room, 0);
  }

  /** Of so many bytes that are wanted, those that it may take now. Who gets less than it wants counts as one that wants more. */
  roomFor(bytes: number): number {
    if (this.#closed) return 0;
    if (this.#bytes + bytes <= this.#freeBytes) return bytes;
    if (this.#bytes === 0) {
      // Nothing is known yet of what it wants, so it counts as one that wants all that it can get.
      this.#heldBack = true;
      this.#join();
    }
    const room = Math.min(bytes, this.room);
    this.#heldBack = room < bytes;
    return room;
  }

  /** How much may be taken of what goes out next, though enough is ahead for other streams or paths. */
  get urgentRoom(): number {
    return this.#bytes < 2 * this.share ? LEAST_AHEAD_BYTES : 0;
  }

  /** So many bytes more or less are ahead of the paths. */
  change(bytes: number): void {
    if (this.#closed) return;
    this.#bytes += bytes;
    if (this.#bytes > this.#freeBytes) this.#join();
    else this.#leave();
    this.#onChange(bytes);
  }

  /** The session is over: nothing more is charged. */
  close(): void {
    this.change(-this.#bytes);
    this.#closed = true;
  }

  #join(): void {
    if (this.#isSharing) return;
    this.#isSharing = true;
    this.#shares.join(this);
  }

  /** Also where it was to join for more than it took. */
  #leave(): void {
    this.#heldBack = false;
    if (!this.#isSharing) return;
    this.#isSharing = false;
    this.#shares.leave(this);
  }
}
